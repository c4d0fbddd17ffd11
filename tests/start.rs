//! How long the functions' programs take to ask for their first event, and how large they are: the
//! figures beside `[profile.release]`. A measurement, not a test: nothing can fail here.
//!
//! `TICKFOLD_FUNCTIONS=target/release cargo bench -p tests --bench start`

use std::path::Path;
use std::time::Instant;

use tests::bucket::environment;
use tests::runtime::Function;

const STARTS: usize = 20;

#[tokio::main]
async fn main() {
    let Ok(folder) = std::env::var("TICKFOLD_FUNCTIONS") else {
        println!("TICKFOLD_FUNCTIONS does not name a folder of functions: nothing is measured");
        return;
    };
    let mut all = environment("http://127.0.0.1:1", "key", "secret");
    all.push(("DATABASE_URL", "postgres://postgres@127.0.0.1:1/db".into()));
    for function in ["aggregate", "query"] {
        let program = Path::new(&folder).join(function);
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let begun = Instant::now();
            let function = Function::run(&program, &all).await.expect("it starts");
            starts.push(begun.elapsed());
            drop(function);
        }
        starts.sort();
        let size = std::fs::metadata(&program).expect("a program").len();
        println!(
            "{function}: {size} bytes; first /next after {:?} (median of {STARTS}, best {:?})",
            starts[STARTS / 2],
            starts[0]
        );
    }
}
