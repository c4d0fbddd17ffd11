//! The container's program: arguments, log, signals; the work is the library's.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Listens to exchanges and writes every trade to Kafka or Kinesis.
#[derive(Parser)]
#[command(name = "ingest", version)]
struct Arguments {
    /// TOML file with the settings; environment variables go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask the ingest that runs with this environment whether its lines are acknowledged
    #[arg(long)]
    health: bool,
    /// Check the settings, and print what would be said to which exchange; connects nowhere
    #[arg(long, conflicts_with = "health")]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let done = match arguments {
        Arguments { health: true, .. } => health().await,
        Arguments { check: true, config, .. } => check(config),
        Arguments { config, .. } => run(config).await.map(drop),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn env(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

async fn health() -> anyhow::Result<()> {
    let age = ingest::check_health(env).await?;
    println!("a line was acknowledged {} s ago", age.as_secs());
    Ok(())
}

fn check(file: Option<PathBuf>) -> anyhow::Result<()> {
    let config = ingest::Config::load(file, env)?;
    print!("{}", ingest::plan(&config)?);
    Ok(())
}

async fn run(file: Option<PathBuf>) -> anyhow::Result<ingest::Report> {
    let config = ingest::Config::load(file, env)?;
    // The only one here; it is named nevertheless, as rustls refuses to choose where a dependency
    // brings another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            shutdown.cancel();
        }
    });
    ingest::run(config, shutdown).await
}
