//! The whole of it as it is deployed: `infra/deploy.sh` and Terraform make the stack in moto's AWS,
//! an object becomes rows in a real PostgreSQL through the functions' programs, and everything goes
//! again. `make test-aws` runs it; it takes minutes, most of them Terraform's waiting for RDS.

use std::io::Write;

use aws_sdk_s3::primitives::ByteStream;
use flate2::{Compression, write::GzEncoder};
use lake::MinutePrefix;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tests::aws::{Deployment, STATE};
use tests::moto::Moto;
use tests::postgres::Postgres;
use tests::terraform::Terraform;
use tests::tls::{Authority, free_port};
use tests::trades::{NOON, name, time};

/// What moto gives every owner of a database.
const PASSWORD: &str = "P@55w0rd!";

/// A server as RDS hands it over: TLS, the database and its owner, who is no superuser, and no
/// table. The owner has to say the password; whether a token is valid only AWS could tell.
async fn as_rds_has_it(port: u16, authority: &Authority) -> Postgres {
    let server = Postgres::start_at(port, Some(&authority.identity("localhost")));
    let mut root = PgConnection::connect(&server.url("postgres")).await.expect("connected");
    let owner = format!("create role tickfold login createrole password '{PASSWORD}'");
    for statement in [
        owner.as_str(),
        "create role rds_iam",
        "grant rds_iam to tickfold with admin option",
        "create database tickfold owner tickfold",
    ] {
        root.execute(AssertSqlSafe(statement)).await.expect("done");
    }
    server
}

/// Puts the example's trades where Vector would.
async fn put_object(moto: &Moto, bucket: &str) {
    let mut object = GzEncoder::new(Vec::new(), Compression::default());
    object.write_all(include_bytes!("../events/trades.ndjson")).expect("in memory");
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let key = minute.object("20261120T120115-0a1b").expect("a key").to_string();
    let put = moto.s3().put_object().bucket(bucket).key(key);
    let body = ByteStream::from(object.finish().expect("in memory"));
    put.body(body).send().await.expect("written");
}

/// How many PostgreSQL's tables are made by: `0001_bars.sql` and those that follow.
fn migrations() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/store/migrations/postgres");
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    files.filter(|file| file.file_name().to_string_lossy().starts_with('0')).count()
}

/// What is there of ours, by its service; whatever can have tags has those of the stack.
async fn resources(moto: &Moto) -> Vec<String> {
    let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
    let tagged = json!({ "TagFilters": [{ "Key": "Project", "Values": ["tickfold"] }] });
    let tagged = moto.call("tagging", target, &tagged).await;
    let mut found = Vec::new();
    let mut add = |all: &Value, name: &str| {
        found.extend(all.as_array().into_iter().flatten().map(|it| match &it[name] {
            Value::String(text) => text.clone(),
            _ => it.to_string(),
        }));
    };
    add(&tagged["ResourceTagMappingList"], "ResourceARN");
    for (service, target, list, name) in [
        ("sqs", "AmazonSQS.ListQueues", "QueueUrls", ""),
        ("secretsmanager", "secretsmanager.ListSecrets", "SecretList", "ARN"),
        ("logs", "Logs_20140328.DescribeLogGroups", "logGroups", "arn"),
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", "repositories", ""),
        ("glue", "AWSGlue.GetDatabases", "DatabaseList", "Name"),
    ] {
        add(&moto.call(service, target, &json!({})).await[list], name);
    }
    // moto keeps the tags of a database of Glue that is gone: Glue itself was asked.
    found.retain(|it| !it.contains(":glue:"));
    let buckets = moto.s3().list_buckets().send().await.expect("a list");
    found.extend(buckets.buckets().iter().filter_map(|it| it.name()).map(str::to_owned));
    found
}

#[tokio::test]
async fn a_stack_is_deployed_works_and_goes_again_without_a_trace() {
    let test = "a_stack_is_deployed_works_and_goes_again_without_a_trace";
    let Some(_) = Terraform::stack(test) else { return };
    let (authority, port) = (Authority::new("ours"), free_port());
    let server = as_rds_has_it(port, &authority).await;
    let database = format!("localhost:{port}");
    let Some(moto) = Moto::start_with_functions(test, &database) else { return };
    let Some(stack) = Deployment::prepare(test, &moto, &authority.file()) else { return };

    assert!(stack.deploy("apply").status.success());
    let made = resources(&moto).await;
    assert!(made.len() > 50, "{made:#?}");
    assert_eq!(stack.deploy("plan").status.code(), Some(0), "a second plan changes nothing");
    an_image_was_pushed_once(&stack);

    let bucket = stack.output("bucket");
    put_object(&moto, bucket.as_str().expect("a name")).await;
    let mut root = PgConnection::connect(&server.url("tickfold")).await.expect("connected");
    let rows: Vec<(String, i64)> = sqlx::query_as("select symbol, trade_count from bars")
        .fetch_all(&mut root)
        .await
        .expect("the apply has made the table");
    assert_eq!(rows, [("BTCUSDT".to_owned(), 16)]);
    let functions = stack.output("functions");
    let query = functions["query"].as_str().expect("a name");
    let answer = stack.invoke(query, include_str!("../events/query.json")).await;
    let answer = answer.expect("an answer");
    let page: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(page["bars"][0]["trade_count"], 16, "{page}");
    assert_eq!(page["bars"].as_array().map(Vec::len), Some(1), "{page}");

    // As after an upgrade in which only the programs are new: here not even they are.
    let migrate = functions["migrate"].as_str().expect("a name");
    let again = stack.invoke(migrate, include_str!("../events/migrate.json")).await;
    assert_eq!(again, Ok(json!({ "migration": migrations(), "logins": "iam" })));
    assert!(stack.deploy("apply").status.success());
    an_image_was_pushed_once(&stack);

    assert!(stack.deploy("destroy").status.success());
    let left = stack.terraform(&["state", "list"]);
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{left:?}");
    let left = resources(&moto).await;
    // A machine that is gone is shown for an hour, as in AWS.
    let left: Vec<&String> = left.iter().filter(|it| !it.contains(":instance/")).collect();
    assert_eq!(left, [STATE], "only the bucket of the state is not the stack's");
}

fn an_image_was_pushed_once(stack: &Deployment<'_>) {
    let told = stack.docker();
    let builds: Vec<&String> = told.iter().filter(|it| it.starts_with("build ")).collect();
    let pushes: Vec<&String> = told.iter().filter(|it| it.starts_with("push ")).collect();
    assert_eq!((builds.len(), pushes.len()), (1, 1), "{told:#?}");
    assert!(builds[0].contains("--platform linux/arm64"), "{}", builds[0]);
    let image = stack.output("registry");
    assert_eq!(pushes[0], &format!("push {}", image.as_str().expect("an address")));
}
