//! What `make package` prints of each zip: its size, and how long its program takes to ask for its
//! first event. A measurement, not a test: it fails only where a function has no zip.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::read::DeflateDecoder;
use tempfile::TempDir;
use tests::binary;
use tests::bucket::environment;
use tests::runtime::Function;

const STARTS: usize = 20;
const EXECUTABLE: u32 = 0o755;

#[tokio::main]
async fn main() {
    // `cargo bench` alone packages nothing.
    let Ok(packaged) = std::env::var("ARCH") else {
        println!("make package measures what it has packaged; nothing is measured now");
        return;
    };
    let native = packaged.replace("arm64", "aarch64").replace('-', "_") == std::env::consts::ARCH;
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("{:<12}{:>14}{:>18}", "function", format!("zip, {packaged}"), "first event after");
    for function in functions() {
        let zip = binary::target().join("lambda").join(&function).join("bootstrap.zip");
        let packed = fs::read(&zip).unwrap_or_else(|error| panic!("{}: {error}", zip.display()));
        let program = match native {
            true => unpack(&packed, &function, &folder),
            false => binary::target().join("release").join(&function),
        };
        let start = median_start(&program).await.as_secs_f64() * 1e3;
        let size = packed.len() as f64 / 1e6;
        println!("{function:<12}{:>14}{:>18}", format!("{size:.2} MB"), format!("{start:.1} ms"));
    }
    let which = match native {
        true => "the zip's program".to_owned(),
        false => format!("the same source built for {}, as this runs here", std::env::consts::ARCH),
    };
    println!("median of {STARTS} starts of {which}, until it asks the Runtime API for an event");
}

/// The folders of `functions/`: there is a line for each.
fn functions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let entries = fs::read_dir(folder).expect("the functions").flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// The one file of a zip: behind a local header of 30 bytes, its name and its extra field, it ends
/// where its compression says so. Source: PKWARE's APPNOTE, 4.3.7.
fn unpack(zip: &[u8], function: &str, folder: &TempDir) -> PathBuf {
    let length = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let (method, name, extra) = (length(8), length(26), length(28));
    assert!(zip.starts_with(b"PK\x03\x04") && method == 8, "{function}: no deflated zip");
    assert_eq!(&zip[30..30 + name], b"bootstrap", "what Lambda starts");
    let mut program = Vec::new();
    let mut packed = DeflateDecoder::new(&zip[30 + name + extra..]);
    packed.read_to_end(&mut program).expect("it is whole");
    let path = folder.path().join(function);
    fs::write(&path, program).expect("written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(EXECUTABLE);
    fs::set_permissions(&path, permissions).expect("executable");
    path
}

async fn median_start(program: &Path) -> Duration {
    let mut all = environment("http://127.0.0.1:1", "key", "secret");
    all.push(("DATABASE_URL", "postgres://postgres@127.0.0.1:1/db".into()));
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let function = Function::run(program, &all).await.unwrap_or_else(|refused| {
            panic!("{} ended, {}: {}", program.display(), refused.status, refused.log)
        });
        starts.push(begun.elapsed());
        drop(function);
    }
    starts.sort();
    starts[STARTS / 2]
}
