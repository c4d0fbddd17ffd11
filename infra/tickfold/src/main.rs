//! The operator's command: reads its arguments and runs one of its commands; nothing else.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Your own exact record of crypto markets.
#[derive(Parser)]
#[command(name = "tickfold", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(tickfold::audit::Arguments),
    Backfill(tickfold::backfill::Arguments),
    Demo(tickfold::demo::Arguments),
    Doctor(tickfold::doctor::Arguments),
    Fold(tickfold::fold::Arguments),
    Gaps(tickfold::gaps::Arguments),
    Migrate(tickfold::migrate::Arguments),
    Rebuild(tickfold::rebuild::Arguments),
    Repair(tickfold::repair::Arguments),
    Serve(tickfold::serve::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Audit(arguments) => tickfold::audit::main(&arguments),
        Command::Backfill(arguments) => tickfold::backfill::main(&arguments),
        Command::Demo(arguments) => tickfold::demo::main(arguments),
        Command::Doctor(arguments) => tickfold::doctor::main(&arguments),
        Command::Fold(arguments) => tickfold::fold::main(&arguments),
        Command::Gaps(arguments) => tickfold::gaps::main(&arguments),
        Command::Migrate(arguments) => tickfold::migrate::main(&arguments),
        Command::Rebuild(arguments) => tickfold::rebuild::main(&arguments),
        Command::Repair(arguments) => tickfold::repair::main(&arguments),
        Command::Serve(arguments) => tickfold::serve::main(&arguments),
    }
}
