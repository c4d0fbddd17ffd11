//! Says what to do when the page, which the binary carries, has not been built; builds nothing.

use std::path::Path;

fn main() {
    for file in ["index.html", "page.js", "page.css"] {
        let path = Path::new("page/dist").join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.exists() {
            println!("cargo::error=functions/query/{} is missing: run `make page`", path.display());
        }
    }
}
