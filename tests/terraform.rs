//! The configuration of AWS, as far as it can be judged without AWS: formatted, valid, checked by
//! checkov, and applied on a mocked provider in each of its shapes; moto is another test's.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tests::terraform::Terraform;
use tests::{python, skipped};

#[path = "terraform/iam.rs"]
mod iam;
#[path = "terraform/stack.rs"]
mod stack;
#[path = "terraform/words.rs"]
mod words;

use stack::{Said, Stack};
use words::root;

const CHECKOV: &str = "checkov==3.3.30";
const PROFILES: [&str; 2] = ["minimal.tfvars", "scaled.tfvars"];

/// What all of Terraform's own tests said, once with the defaults and once with each profile.
fn said(test: &str) -> Option<&'static Said> {
    static SAID: OnceLock<Option<Said>> = OnceLock::new();
    let said = SAID.get_or_init(|| {
        let terraform = Terraform::stack(test)?;
        let mut said = stack::test(&terraform, &[]);
        for profile in PROFILES {
            let file = format!("-var-file={profile}");
            let more = stack::test(&terraform, &["-filter=tests/profile.tftest.hcl", &file]);
            said.passed += more.passed;
            said.failures.extend(more.failures);
            said.stacks.extend(more.stacks);
        }
        Some(said)
    });
    if said.is_none() {
        skipped(test, "for what the first of them says");
    }
    said.as_ref()
}

/// Every stack that they applied.
fn stacks(test: &str) -> Option<&'static [Stack]> {
    let said = said(test)?;
    let has = |name: &str| said.stacks.iter().any(|stack| stack.name.contains(name));
    let all = ["by_default", "kinesis", "minimal.tfvars", "scaled.tfvars"].into_iter().all(has);
    assert!(all, "{:?}", said.failures);
    Some(&said.stacks)
}

fn succeeds(terraform: &Terraform, arguments: &[&str]) {
    let ran = terraform.run(arguments);
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{arguments:?}:\n{}", String::from_utf8_lossy(&said));
}

#[test]
fn it_is_formatted_and_valid() {
    let Some(terraform) = Terraform::stack("it_is_formatted_and_valid") else { return };
    succeeds(&terraform, &["fmt", "-check", "-diff", "-recursive"]);
    succeeds(&terraform, &["validate", "-no-color"]);
}

#[test]
fn terraforms_own_tests_hold() {
    let Some(said) = said("terraforms_own_tests_hold") else { return };
    assert!(said.failures.is_empty(), "{}", said.failures.join("\n"));
    assert!(said.passed > 10, "{} runs", said.passed);
}

#[test]
fn no_stack_has_what_costs_without_need() {
    let Some(stacks) = stacks("no_stack_has_what_costs_without_need") else { return };
    for stack in stacks {
        assert_eq!(stack.of_kind("aws_nat_gateway").count(), 0, "{}: a NAT gateway", stack.name);
        let interface = |it: &&stack::Resource| it.values["vpc_endpoint_type"] != "Gateway";
        let endpoint = stack.of_kind("aws_vpc_endpoint").find(interface);
        assert!(endpoint.is_none(), "{} has an endpoint that costs", stack.name);
        for function in stack.of_kind("aws_lambda_function") {
            let architectures = &function.values["architectures"];
            assert_eq!(architectures, &serde_json::json!(["arm64"]), "{}", function.address);
            assert_eq!(function.values["runtime"], "provided.al2023", "{}", function.address);
        }
        for group in stack.of_kind("aws_cloudwatch_log_group") {
            let days = group.values["retention_in_days"].as_u64().unwrap_or(0);
            assert!(days > 0, "{} in {} is kept for ever", group.address, stack.name);
        }
    }
}

/// Rules that stand in a group itself would be seen by none of the tests.
#[test]
fn nothing_comes_in_from_an_address() {
    let Some(stacks) = stacks("nothing_comes_in_from_an_address") else { return };
    for stack in stacks {
        for rule in stack.of_kind("aws_vpc_security_group_ingress_rule") {
            let place = format!("{} in {}", rule.address, stack.name);
            for field in ["cidr_ipv4", "cidr_ipv6", "prefix_list_id"] {
                assert_eq!(rule.values[field], Value::Null, "{place}: {field}");
            }
            assert!(rule.values["referenced_security_group_id"].is_string(), "{place}");
        }
        let old = stack.of_kind("aws_security_group_rule").count();
        assert_eq!(old, 0, "{}: a rule of the older kind", stack.name);
        for group in stack.of_kind("aws_security_group") {
            let inside = group.values["ingress"].as_array().is_some_and(|it| !it.is_empty());
            assert!(!inside, "{} in {}: a rule in the group", group.address, stack.name);
        }
        let database = stack.of_kind("aws_db_instance").next().expect("a database");
        assert_eq!(database.values["publicly_accessible"], false, "{}", stack.name);
    }
}

#[test]
fn nobody_asks_the_api_without_a_name_but_for_health() {
    let test = "nobody_asks_the_api_without_a_name_but_for_health";
    let Some(stacks) = stacks(test) else { return };
    for stack in stacks {
        let routes = stack.of_kind("aws_apigatewayv2_route");
        let open = routes.filter(|it| it.values["authorization_type"] == "NONE");
        let open: Vec<_> = open.map(|it| it.values["route_key"].clone()).collect();
        assert_eq!(open, ["GET /v1/health"], "{}", stack.name);
        for kind in ["aws_lambda_function_url", "aws_api_gateway_rest_api"] {
            assert_eq!(stack.of_kind(kind).count(), 0, "{}: {kind} is another door", stack.name);
        }
        for permission in stack.of_kind("aws_lambda_permission") {
            let from = permission.values["source_arn"].as_str();
            assert!(from.is_some_and(|it| it.starts_with("arn:")), "{}", permission.address);
        }
    }
}

/// Nothing waits for these: what failed comes again, and what was given up is in the DLQ, which
/// alarms.
const UNHURRIED: [&str; 1] = ["backfill"];
/// What the clock calls it calls again.
const BY_THE_CLOCK: [&str; 3] = ["audit", "compact", "repair"];

#[test]
fn each_function_logs_under_its_name_and_has_its_alarms() {
    let test = "each_function_logs_under_its_name_and_has_its_alarms";
    let Some(stacks) = stacks(test) else { return };
    let mut deployed = BTreeSet::new();
    for stack in stacks {
        let named = |kind: &str, field: &str, name: &str| {
            stack.of_kind(kind).any(|it| it.values[field] == name)
        };
        for function in stack.of_kind("aws_lambda_function") {
            let name = function.values["function_name"].as_str().expect("a name");
            let word = name.strip_prefix("tickfold-").expect("the default prefix");
            let log = format!("/aws/lambda/{name}");
            assert!(named("aws_cloudwatch_log_group", "name", &log), "{log}");
            // Whoever calls the half inside fails with it; what waits in a queue comes again.
            let quiet = word.ends_with("-database") || UNHURRIED.contains(&word);
            let told = match word {
                _ if quiet => &[][..],
                _ if BY_THE_CLOCK.contains(&word) => &["errors"],
                _ => &["errors", "throttles"],
            };
            for alarm in told {
                let alarm = format!("{name}-{alarm}");
                assert!(named("aws_cloudwatch_metric_alarm", "alarm_name", &alarm), "{alarm}");
            }
            deployed.insert(word);
        }
        for queue in stack.of_kind("aws_sqs_queue") {
            let name = queue.values["name"].as_str().expect("a name");
            let unhurried = UNHURRIED.iter().any(|word| name.ends_with(word));
            let alarm = match name.strip_suffix("-dlq") {
                Some(name) => format!("{name}-dlq-depth"),
                None if unhurried => format!("{name}-dlq-depth"),
                None => format!("{name}-queue-age"),
            };
            assert!(named("aws_cloudwatch_metric_alarm", "alarm_name", &alarm), "{alarm}");
        }
        for alarm in stack.of_kind("aws_cloudwatch_metric_alarm") {
            let told = alarm.values["alarm_actions"].as_array().is_some_and(|it| !it.is_empty());
            assert!(told, "nobody is told of {} in {}", alarm.address, stack.name);
        }
    }
    for function in words::functions() {
        assert!(deployed.contains(function.as_str()), "{function} is in no stack: {deployed:?}");
    }
}

/// A variable that the program does not read is a misspelt one.
#[test]
fn functions_get_the_environment_that_they_read() {
    let test = "functions_get_the_environment_that_they_read";
    let Some(stacks) = stacks(test) else { return };
    for function in stacks.iter().flat_map(|stack| stack.of_kind("aws_lambda_function")) {
        let zip = function.values["filename"].as_str().expect("a file");
        let folder = zip.rsplit('/').nth(1).expect("a folder");
        let mut program = words::text(&format!("../functions/{folder}/src/main.rs"));
        if program.contains("Lake::from_env") {
            program += &words::text("../shared/lake/src/s3.rs");
        }
        let variables = function.values["environment"][0]["variables"].as_object();
        for name in variables.expect("an environment").keys() {
            assert!(program.contains(&format!("`{name}`")), "{folder} does not read {name}");
        }
    }
}

/// What checkov finds is mended, or said to be meant: `#checkov:skip=ID:why` at the resource. One
/// that skips nothing any more is to go.
#[test]
fn checkov_finds_nothing_that_is_not_meant() {
    let folder = match python::environment("checkov", CHECKOV) {
        Ok(folder) => folder,
        Err(why) => {
            skipped("checkov_finds_nothing_that_is_not_meant", &format!("no {CHECKOV}: {why}"));
            return;
        }
    };
    let mut checkov = Command::new(folder.join("bin/python"));
    checkov.arg(folder.join("bin/checkov")).args(["--config-file", ".checkov.yaml"]);
    let checkov = checkov.args(["--output", "json"]).current_dir(root()).output();
    let output = checkov.expect("checkov starts");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| {
        panic!("{why}: {}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()))
    });
    let of = |list: &str| said["results"][list].as_array().expect("a list").iter();
    let check = |it: &Value| {
        let word = |field: &str| it[field].as_str().expect("text").to_owned();
        (word("check_id"), word("file_path").trim_start_matches('/').to_owned())
    };
    let failed: Vec<_> =
        of("failed_checks").map(|it| (check(it), it["resource"].clone())).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(of("passed_checks").count() > 100, "it has looked");
    let skips: BTreeSet<_> = of("skipped_checks").map(check).collect();
    for (_, file) in skips.clone() {
        for skip in
            words::text(&file).lines().filter_map(|it| it.trim().strip_prefix("#checkov:skip="))
        {
            let (id, why) = skip.split_once(':').expect("a reason");
            assert!(!why.trim().is_empty(), "{file}: {skip} says no reason");
            assert!(skips.contains(&(id.to_owned(), file.clone())), "{file}: {id} skips nothing");
        }
    }
}
