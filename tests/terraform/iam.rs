//! What the roles of every stack may do: nothing without a name, and each only its own; the rules
//! are read as IAM would read them, as far as they are used here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stack::{Resource, Stack};
use crate::stacks;

/// Actions for which AWS knows no resource, or none that exists when they are needed.
const WITHOUT_RESOURCE: [(&str, &str); 12] = [
    ("ec2:AssignPrivateIpAddresses", "the interface is made with it"),
    ("ec2:CreateNetworkInterface", "it does not exist yet"),
    ("ec2:DeleteNetworkInterface", "Lambda tries it without naming one"),
    ("ec2:DescribeNetworkInterfaces", "it lists"),
    ("ec2:DescribeSubnets", "it lists"),
    ("ec2:UnassignPrivateIpAddresses", "the interface is made with it"),
    ("ecr:GetAuthorizationToken", "one token opens every registry of the account"),
    ("ssm:UpdateInstanceInformation", "the agent says that it is there"),
    ("ssmmessages:CreateControlChannel", "a channel has no name"),
    ("ssmmessages:CreateDataChannel", "a channel has no name"),
    ("ssmmessages:OpenControlChannel", "a channel has no name"),
    ("ssmmessages:OpenDataChannel", "a channel has no name"),
];

/// Who is asked for what in the stacks below, and by name may do it.
const BUCKET: &str = "arn:aws:s3:::mock";

struct Statement {
    allow: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// One string, or a list of them.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word.clone()],
        Value::Array(words) => {
            words.iter().map(|word| word.as_str().expect("text").to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

fn statements(policy: &Resource) -> Vec<Statement> {
    let text = policy.values["policy"].as_str().expect("the mocks leave no policy unknown");
    let policy: Value = serde_json::from_str(text).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let statement = |it: &Value| Statement {
        allow: it["Effect"] == "Allow",
        actions: words(&it["Action"]),
        resources: words(&it["Resource"]),
    };
    statements.map(statement).collect()
}

/// The policies of roles.
fn policies(stack: &Stack) -> impl Iterator<Item = &Resource> {
    stack.of_kind("aws_iam_role_policy").chain(stack.of_kind("aws_iam_policy"))
}

/// As IAM does: `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(after, &rest[at..]))
        }),
    }
}

/// Whether the policy allows it, whatever its conditions are: they could only take away.
fn allows(policy: &Resource, action: &str, resource: &str) -> bool {
    statements(policy).iter().any(|it| {
        it.allow
            && it.actions.iter().any(|pattern| matches(pattern, action))
            && it.resources.iter().any(|pattern| matches(pattern, resource))
    })
}

/// The roles of a stack that may do it: a function by its name, others by their policy's address.
fn who(stack: &Stack, action: &str, resource: &str) -> BTreeSet<String> {
    let allowed = policies(stack).filter(|policy| allows(policy, action, resource));
    allowed
        .map(|policy| {
            let function =
                policy.address.strip_prefix("module.").and_then(|it| it.split('.').next());
            function.unwrap_or(&policy.address).split('[').next().expect("a first part").to_owned()
        })
        .collect()
}

/// A `*` only ever stands for what is below a named folder of a bucket, or in a named log group.
fn is_named(resource: &str) -> bool {
    let Some((before, after)) = resource.split_once('*') else { return true };
    let folder = before
        .strip_prefix("arn:aws:s3:::")
        .is_some_and(|path| path.ends_with('/') && path.matches('/').count() >= 2);
    let stream = before.contains(":log-group:") && before.ends_with(":log-stream:");
    after.is_empty() && (folder || stream)
}

#[test]
fn a_wildcard_is_told_from_a_folder() {
    for named in
        ["arn:aws:sqs:r:1:q", "arn:aws:s3:::b/raw/*", "arn:aws:logs:r:1:log-group:g:log-stream:*"]
    {
        assert!(is_named(named), "{named}");
    }
    for open in
        ["*", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:aws:s3:::b/*/raw/*", "arn:aws:sqs:r:1:*"]
    {
        assert!(!is_named(open), "{open}");
    }
    assert!(matches("s3:Put*", "s3:PutObject") && matches("*", "") && !matches("raw/*", "ra"));
    assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b", "a-b-c"));
}

#[test]
fn no_role_may_do_what_is_not_named() {
    let Some(stacks) = stacks("no_role_may_do_what_is_not_named") else { return };
    let mut excused = BTreeSet::new();
    for stack in stacks {
        for policy in policies(stack) {
            for statement in statements(policy).into_iter().filter(|it| it.allow) {
                let place =
                    format!("{} in {}: {:?}", policy.address, stack.name, statement.actions);
                let named =
                    statement.actions.iter().all(|it| it.contains(':') && !it.contains('*'));
                assert!(named && !statement.actions.is_empty(), "{place}");
                if statement.resources == ["*"] {
                    for action in statement.actions {
                        let known = WITHOUT_RESOURCE.iter().find(|(it, _)| *it == action);
                        let (action, _) = known.unwrap_or_else(|| panic!("{place}: on anything"));
                        excused.insert(*action);
                    }
                    continue;
                }
                assert!(!statement.resources.is_empty(), "{place}: on nothing");
                let open = statement.resources.iter().find(|it| !is_named(it));
                assert_eq!(open, None, "{place}");
            }
        }
        for kind in [
            "aws_iam_role_policy_attachment",
            "aws_iam_policy_attachment",
            "aws_iam_user",
            "aws_iam_access_key",
        ] {
            let found = stack.of_kind(kind).next().map(|it| &it.address);
            assert_eq!(found, None, "{}: what it allows is not said here", stack.name);
        }
        for role in stack.of_kind("aws_iam_role") {
            for field in ["managed_policy_arns", "inline_policy"] {
                let inside = role.values[field].as_array().is_some_and(|it| !it.is_empty());
                assert!(!inside, "{} in {}: {field}", role.address, stack.name);
            }
        }
    }
    let listed = WITHOUT_RESOURCE.map(|(action, _)| action);
    assert_eq!(excused, BTreeSet::from(listed), "an excuse that nobody needs");
}

#[test]
fn who_is_let_in_has_a_name() {
    let Some(stacks) = stacks("who_is_let_in_has_a_name") else { return };
    for stack in stacks {
        for (kind, field) in [
            ("aws_iam_role", "assume_role_policy"),
            ("aws_s3_bucket_policy", "policy"),
            ("aws_sqs_queue_policy", "policy"),
            ("aws_sns_topic_policy", "policy"),
            ("aws_ecr_repository_policy", "policy"),
        ] {
            for resource in stack.of_kind(kind) {
                let text = resource.values[field].as_str().expect("known");
                let policy: Value = serde_json::from_str(text).expect("JSON");
                for statement in policy["Statement"].as_array().expect("statements") {
                    // What it gave a role, the tests of roles would not see.
                    let gives = kind == "aws_s3_bucket_policy" && statement["Effect"] == "Allow";
                    assert!(!gives, "{} in {}: {statement}", resource.address, stack.name);
                    let open = statement["Effect"] == "Allow"
                        && statement["Principal"].to_string().contains('*');
                    assert!(!open, "{} in {}: {statement}", resource.address, stack.name);
                }
            }
        }
    }
}

#[test]
fn each_role_may_do_only_its_own() {
    let Some(stacks) = stacks("each_role_may_do_only_its_own") else { return };
    let user = |name: &str| format!("arn:aws:rds-db:us-east-1:123456789012:dbuser:db-MOCK/{name}");
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-mock";
    let object = |folder: &str| format!("{BUCKET}/{folder}/trades/exchange=binance/name.ndjson.gz");
    for stack in stacks {
        let check = |action: &str, resource: &str, expected: &[&str]| {
            let found = who(stack, action, resource);
            let expected = expected.iter().map(|it| it.to_string()).collect::<BTreeSet<_>>();
            assert_eq!(found, expected, "{action} on {resource} in {}", stack.name);
        };
        let lands = stack.of_kind("aws_kinesis_stream").next().is_some();
        // `aggregate` is called for what is written to raw/: it would call itself without end.
        let writer = if lands { "land" } else { "aws_iam_role_policy.machine" };
        check("s3:PutObject", &object("raw"), &["backfill", "repair", writer]);
        check("s3:PutObject", &object("dead"), &[writer]);
        check("s3:PutObject", &object("quarantine"), &["aggregate"]);
        check("s3:PutObject", &object("parquet"), &["compact"]);
        let readers = ["aggregate", "backfill", "compact", "repair"];
        check("s3:GetObject", &object("raw"), &readers);
        for never in ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl"] {
            check(never, &object("raw"), &[]);
        }
        check(
            "rds-db:connect",
            &user("tickfold_writer"),
            &["aggregate", "audit_database", "repair_database"],
        );
        check("rds-db:connect", &user("tickfold"), &[]);
        let readers = who(stack, "rds-db:connect", &user("tickfold_readonly"));
        assert!(readers.contains("query") && !readers.contains("aggregate"), "{readers:?}");
        // Nobody else has a message folded, or a function called.
        let queue = "arn:aws:sqs:us-east-1:123456789012:mock";
        check("sqs:SendMessage", queue, &["aws_iam_role_policy.backfill_schedule", "repair"]);
        check("secretsmanager:GetSecretValue", secret, &["migrate"]);
        check("iam:PassRole", "arn:aws:iam::123456789012:role/mock", &[]);
    }
}
