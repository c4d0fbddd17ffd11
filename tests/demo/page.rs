//! The page in a real browser, on the real demo; what is checked stands in `browser-test.mjs`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_page_draws_candles_that_move() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let demo = tests::demo::start(folder.path(), &[]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/query/page");
    let picture = env::var_os("TICKFOLD_PICTURE").map(PathBuf::from);
    let picture = picture.unwrap_or_else(|| folder.path().join("page.png"));
    let browser = Command::new("node")
        .arg(page.join("browser-test.mjs"))
        .arg(format!("http://127.0.0.1:{}/", demo.port))
        .arg(&picture)
        .output()
        .expect("node starts");
    let (said, why) =
        (String::from_utf8_lossy(&browser.stdout), String::from_utf8_lossy(&browser.stderr));
    println!("{said}");
    assert!(browser.status.success(), "{said}\n{why}");
    assert!(picture.exists(), "the browser test takes a picture");
    demo.signal("INT");
    assert!(demo.end().status.success(), "the demo ends cleanly");
}
