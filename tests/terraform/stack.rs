//! What `terraform test` says: which of its runs fail, and every stack that a run applied on the
//! mocked provider; judges none of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tests::terraform::Terraform;

/// All resources of one stack, with the values that AWS would be asked for.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) resources: Vec<Resource>,
}

#[derive(Deserialize)]
pub(crate) struct Resource {
    /// `module.aggregate.aws_lambda_function.this`
    pub(crate) address: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) values: Value,
}

impl Stack {
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

/// What was said of runs that did not pass, and the stacks of those that did.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
    pub(crate) stacks: Vec<Stack>,
}

/// One line of the program's JSON.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "@message")]
    message: String,
    #[serde(rename = "@testfile")]
    file: Option<String>,
    #[serde(rename = "@testrun")]
    run: Option<String>,
    test_run: Option<BTreeMap<String, Value>>,
    diagnostic: Option<Diagnostic>,
    test_state: Option<State>,
}

#[derive(Deserialize)]
struct Diagnostic {
    severity: String,
    detail: String,
}

#[derive(Deserialize)]
struct State {
    root_module: Module,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

impl Module {
    fn all(self) -> Vec<Resource> {
        let mut all = self.resources;
        all.extend(self.child_modules.into_iter().flat_map(Module::all));
        all
    }
}

/// Runs `terraform test` with further arguments, such as a file of variables.
pub(crate) fn test(terraform: &Terraform, arguments: &[&str]) -> Said {
    let ran = terraform.run(&[&["test", "-json", "-verbose"], arguments].concat());
    let profile = arguments.iter().find_map(|it| it.strip_prefix("-var-file="));
    let mut said = Said::default();
    for line in String::from_utf8(ran.stdout).expect("UTF-8").lines() {
        let line: Line = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let place = || format!("{} {}", line.file.as_deref().unwrap_or(""), line.message);
        if let Some(failure) = line.diagnostic.filter(|it| it.severity == "error") {
            said.failures.push(format!("{}: {}", place(), failure.detail));
        }
        let status = line.test_run.as_ref().and_then(|run| run.get("status")?.as_str());
        match status {
            Some("pass") => said.passed += 1,
            Some("fail" | "error" | "skip") => said.failures.push(place()),
            _ => {}
        }
        if let Some(state) = line.test_state {
            let run = line.run.expect("a state is a run's");
            let name = profile.map_or(run.clone(), |profile| format!("{run} of {profile}"));
            said.stacks.push(Stack { name, resources: state.root_module.all() });
        }
    }
    said
}
