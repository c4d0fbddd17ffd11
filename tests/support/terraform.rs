//! Terraform on a folder of `terraform/`, as far as it needs no AWS: what it plans and what a mocked
//! provider makes of it; applies nothing and leaves nothing in the folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs, io};

use serde_json::Value;
use tempfile::TempDir;

use crate::skipped;

/// A folder of .tf files, initialised.
pub struct Terraform {
    folder: PathBuf,
    data: TempDir,
}

impl Terraform {
    /// A module that uses no provider. `None`, and a line that says so, where there is no Terraform.
    pub fn without_provider(test: &str, folder: &str) -> Option<Terraform> {
        Terraform::init(test, folder, None)
    }

    /// The whole stack. `None`, and a line that says so, where there is no Terraform, or where its
    /// provider can be had neither from the registry nor from the mirror that
    /// `TICKFOLD_PROVIDERS` names.
    pub fn stack(test: &str) -> Option<Terraform> {
        Terraform::init(test, "terraform", mirror())
    }

    fn init(test: &str, folder: &str, mirror: Option<PathBuf>) -> Option<Terraform> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member");
        let data = tempfile::tempdir().expect("a temporary folder");
        let terraform = Terraform { folder: workspace.join(folder), data };
        let mut init = terraform.command(&["init", "-input=false", "-backend=false"]);
        if let Some(mirror) = mirror {
            init.arg(format!("-plugin-dir={}", mirror.display()));
        }
        let why = match init.output() {
            Ok(output) if output.status.success() => return Some(terraform),
            Ok(output) => told(&output),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "no terraform here".to_owned(),
            Err(error) => panic!("terraform does not start: {error}"),
        };
        skipped(test, &format!("not tested, {why}"));
        None
    }

    /// The values of the outputs that a plan with these variables has.
    pub fn outputs(&self, variables: &Value) -> Value {
        let file = self.data.path().join("variables.tfvars.json");
        fs::write(&file, variables.to_string()).expect("written");
        let plan = self.data.path().join("plan").display().to_string();
        let state = self.data.path().join("state").display().to_string();
        let planned = self.run(&[
            "plan",
            "-input=false",
            &format!("-state={state}"),
            &format!("-out={plan}"),
            &format!("-var-file={}", file.display()),
        ]);
        assert!(planned.status.success(), "{}", told(&planned));
        let shown = self.run(&["show", "-json", &plan]);
        let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        shown["planned_values"]["outputs"].clone()
    }

    /// What `terraform test` says of one of its files, a value for each line; the plans of its runs
    /// are among them.
    pub fn test(&self, file: &str) -> Vec<Value> {
        let tested = self.run(&["test", "-json", "-verbose", &format!("-filter=tests/{file}")]);
        assert!(tested.status.success(), "{}", told(&tested));
        let lines = String::from_utf8(tested.stdout).expect("UTF-8");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("terraform starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env("TF_DATA_DIR", self.data.path()).env("TF_IN_AUTOMATION", "1");
        command.env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE");
        command
    }
}

fn told(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("terraform says:\n{out}\n{err}")
}

/// A folder that Terraform takes providers from instead of the registry: what the variable names,
/// or a mirror where a machine keeps what is no part of its system.
pub(crate) fn mirror() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("TICKFOLD_PROVIDERS") {
        return Some(folder.into());
    }
    let folders = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let holds =
        |mirror: &PathBuf| folders(mirror).any(|registry| registry.join("hashicorp/aws").is_dir());
    folders(Path::new("/opt")).find(holds)
}
