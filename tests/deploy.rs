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
    fs::write(&file, format!("#!/bin/sh\nexit {exit}\n")).expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("chmod");
}

#[test]
fn what_is_missing_is_said_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    for own in ["cat", "cut", "dirname", "find", "sha256sum", "sort", "xargs"] {
        symlink(Path::new("/usr/bin").join(own), path.join(own)).expect("a link");
    }
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
