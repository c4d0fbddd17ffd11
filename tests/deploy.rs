//! What `infra/deploy.sh` says before it touches anything; what it does is `aws`'s, which takes
//! long.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Runs its check with only those programs on the PATH; returns what it says, and whether it
/// passes.
fn check(path: &Path, environment: &[(&str, &str)]) -> (String, bool) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member");
    let script = workspace.join("infra/deploy.sh");
    let mut command = Command::new("/bin/sh");
    command.arg(script).arg("check").env_clear().env("PATH", path);
    let ran = command.envs(environment.iter().copied()).output().expect("it starts");
    (String::from_utf8(ran.stderr).expect("UTF-8"), ran.status.success())
}

fn program(path: &Path, name: &str, exit: u8) {
    let file = path.join(name);
    script(&file, &format!("exit {exit}"));
}

fn script(file: &Path, body: &str) {
    fs::write(file, format!("#!/bin/sh\n{body}\n")).expect("written");
    fs::set_permissions(file, Permissions::from_mode(0o755)).expect("chmod");
}

fn link_own(path: &Path) {
    for own in ["cat", "cut", "dirname", "find", "sha256sum", "sort", "xargs"] {
        symlink(Path::new("/usr/bin").join(own), path.join(own)).expect("a link");
    }
}

#[test]
fn what_is_missing_is_said_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    link_own(path);
    let here = [("STATE", "my-bucket"), ("HOME", "/nowhere")];

    let says = |environment: &[(&str, &str)], expected: &str| {
        let (said, passed) = check(path, environment);
        assert!(!passed && said.starts_with(&format!("tickfold {expected}")), "{said}");
    };
    says(&[], "needs STATE, a bucket for Terraform's state: make deploy STATE=my-bucket");
    says(&[here[0], ("PROFILE", "huge")], "has no terraform/huge.tfvars");
    for (name, expected) in [
        ("terraform", "needs Terraform >= 1.10: https://"),
        ("curl", "needs curl"),
        ("docker", "needs Docker: https://"),
    ] {
        says(&here, expected);
        program(path, name, 0);
    }
    program(path, "aws", 1);
    says(&here, "has no credentials for AWS: set AWS_PROFILE");
    program(path, "aws", 0);
    assert_eq!(check(path, &here), (String::new(), true));
}

/// Runs the script in a copy of the folder, with a Terraform that only notes what it is told;
/// returns what that was last, the folder of the zips first.
fn told(what: &str, own: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, log) = (folder.path().join("bin"), folder.path().join("log"));
    for name in ["bin", "infra", "terraform", "built/certificates"] {
        fs::create_dir_all(folder.path().join(name)).expect("a folder");
    }
    let script_here = folder.path().join("infra/deploy.sh");
    let script_there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/deploy.sh");
    fs::copy(script_there, &script_here).expect("a copy");
    fs::write(folder.path().join("terraform/minimal.tfvars"), "").expect("written");
    fs::write(folder.path().join("built/certificates/layer.zip"), "").expect("written");
    if let Some(own) = own {
        fs::write(folder.path().join("terraform/terraform.tfvars"), own).expect("written");
    }
    link_own(&path);
    ["curl", "docker", "aws"].iter().for_each(|name| program(&path, name, 0));
    let note = format!("echo \"$TF_VAR_artifacts_dir $*\" >>'{}'", log.display());
    script(&path.join("terraform"), &note);
    let mut command = Command::new("/bin/sh");
    command.arg(script_here).arg(what).env_clear().env("PATH", &path).env("STATE", "my-bucket");
    command.env("TF_VAR_artifacts_dir", folder.path().join("built"));
    let ran = command.output().expect("it starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let log = fs::read_to_string(log).expect("Terraform was called");
    let last = log.lines().last().expect("a call").to_owned();
    last.replace(&folder.path().display().to_string(), "")
}

/// Terraform takes the last of two values, and its own file is not the last by itself.
#[test]
fn what_the_user_wants_otherwise_counts_for_more_than_the_profile() {
    let own = told("plan", Some("log_days = 7"));
    let files: Vec<&str> = own.split(' ').filter(|it| it.starts_with("-var-file=")).collect();
    assert_eq!(files, ["-var-file=minimal.tfvars", "-var-file=terraform.tfvars"], "{own}");
    assert!(own.starts_with("/built "), "{own}");
    let none = told("plan", None);
    assert!(!none.contains("terraform.tfvars"), "{none}");
}

#[test]
fn what_is_destroyed_need_not_be_built() {
    let told = told("destroy", None);
    assert!(told.starts_with("/terraform/tests/artifacts "), "{told}");
    assert!(told.contains(" destroy "), "{told}");
}
