//! tickfold deployed as `make deploy` does it, by the same script and the same Terraform, to moto:
//! with a database of one's own in RDS's place, and a Docker that only writes down what it is told.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::moto::{KEY, Moto, REGION};
use crate::terraform::mirror;
use crate::{binary, http_client, python, skipped};

const CLI: &str = "awscli==1.46.2";
/// The bucket of the state.
pub const STATE: &str = "tickfold-state";
/// All of these functions have a zip, whether the stack has them or not.
const FUNCTIONS: [&str; 5] = ["aggregate", "compact", "land", "migrate", "query"];

/// Docker as far as the script speaks to it: a registry knows an image once it was pushed.
const DOCKER: &str = r#"#!/bin/sh
case $1 in
    login) cat >/dev/null ;;
    manifest) grep -q "^push $3$" "$0.log" 2>/dev/null || exit 1 ;;
esac
echo "$*" >>"$0.log"
"#;

pub struct Deployment<'a> {
    moto: &'a Moto,
    folder: TempDir,
    /// Where the AWS CLI is.
    cli: PathBuf,
}

impl<'a> Deployment<'a> {
    /// `None`, and a line that says so, without the AWS CLI. `authorities` vouch for the database.
    pub fn prepare(test: &str, moto: &'a Moto, authorities: &Path) -> Option<Deployment<'a>> {
        let cli = match python::environment("awscli", CLI) {
            Ok(folder) => folder.join("bin"),
            Err(why) => {
                skipped(test, &format!("no {CLI}: {why}"));
                return None;
            }
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let docker = folder.path().join("docker");
        fs::write(&docker, DOCKER).expect("written");
        fs::set_permissions(&docker, Permissions::from_mode(0o755)).expect("chmod");
        let deployment = Deployment { moto, folder, cli };
        for function in FUNCTIONS {
            deployment.zip(function, "bootstrap.zip", &binary::program(function), "bootstrap");
        }
        deployment.zip("certificates", "layer.zip", authorities, "global-bundle.pem");
        Some(deployment)
    }

    /// Runs `infra/deploy.sh`; what it says is shown if the test fails.
    pub fn deploy(&self, what: &str) -> Output {
        let output = self.command("infra/deploy.sh").arg(what).output().expect("it starts");
        println!("infra/deploy.sh {what}: {}\n{}", output.status, told(&output));
        output
    }

    /// What Docker was told, in order.
    pub fn docker(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("docker.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// The stack's output of that name.
    pub fn output(&self, name: &str) -> Value {
        let output = self.terraform(&["output", "-json", name]);
        assert!(output.status.success(), "{}", told(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub fn terraform(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("terraform");
        command.arg("-chdir=terraform").args(arguments).output().expect("terraform starts")
    }

    /// A function's answer, or what went wrong in it.
    pub async fn invoke(&self, name: &str, event: &str) -> Result<Value, Value> {
        let path = format!("2015-03-31/functions/{name}/invocations");
        let url = format!("{}/{path}", self.moto.endpoint());
        let scope = format!("{KEY}/20261120/{REGION}/lambda/aws4_request");
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let request = http_client().post(url).header("authorization", signature);
        let answer = request.body(event.to_owned()).send().await.expect("an answer");
        let failed = answer.headers().contains_key("x-amz-function-error");
        let text = answer.text().await.expect("text");
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        if failed { Err(value) } else { Ok(value) }
    }

    fn artifacts(&self) -> PathBuf {
        self.folder.path().join("artifacts")
    }

    /// A zip of one file, among what is built before a deployment.
    fn zip(&self, folder: &str, zip: &str, file: &Path, name: &str) {
        let folder = self.artifacts().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(file, folder.join(name)).expect("copied");
        let mut command = Command::new("python3");
        let zip = command.args(["-m", "zipfile", "-c", zip, name]).current_dir(&folder).status();
        assert!(zip.expect("Python starts").success());
        fs::remove_file(folder.join(name)).expect("removed");
    }

    /// A program in an account of moto, with the answers that a user would give.
    fn command(&self, program: &str) -> Command {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member");
        let path = std::env::var("PATH").expect("a PATH");
        let path = format!("{}:{}:{path}", self.folder.path().display(), self.cli.display());
        let unasked = "-auto-approve -input=false -no-color -parallelism=30";
        let mut command = Command::new(program);
        command.current_dir(workspace).stdin(Stdio::null()).env("PATH", path);
        command
            .env("AWS_ENDPOINT_URL", self.moto.endpoint())
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("STATE", STATE)
            .env("REGION", REGION)
            .env("PROFILE", "minimal")
            .env("TF_DATA_DIR", self.folder.path().join("terraform"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_VAR_protect", "false")
            .env("TF_VAR_artifacts_dir", self.artifacts())
            .env("TF_CLI_ARGS_apply", unasked)
            .env("TF_CLI_ARGS_destroy", unasked)
            .env("TF_CLI_ARGS_plan", "-input=false -no-color");
        if let Some(mirror) = mirror() {
            command.env("TF_CLI_ARGS_init", format!("-plugin-dir={}", mirror.display()));
        }
        for other in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "TF_CLI_CONFIG_FILE"] {
            command.env_remove(other);
        }
        command
    }
}

fn told(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}
