//! The `laminate` command. One file a subcommand in [`cmd`].

// Everything printed goes through `output`, where a closed standard output or error is no panic.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bound;
mod canonical;
mod chain;
mod cmd;
mod columns;
mod destination;
mod eligibility;
mod exit;
mod fee;
mod files;
mod fraud;
mod given;
mod input;
mod joins;
mod llm;
mod measure;
mod memory;
mod output;
mod pipeline;
mod printable;
mod progress;
mod reading;
mod run_record;
mod sealed;
mod serve;
mod shards;
mod subject;
mod table;
mod toolchain;

use clap::{Parser, Subcommand};

use exit::Exit;
use output::{Output, Progress};

const _: () = assert!(
    !laminate_engine::switch::MUTABLE,
    "a verifier whose checks can be switched off is for scripts/mutate_verifier.sh alone: build without the feature `mutants`"
);

/// Prove model inference and check it on Ethereum.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Exit codes:\n  0  done; for `verify` and `check`: everything holds\n  1  refused or failed, with one message on standard error\n  2  wrong usage of the command line\n  3  `verify`: valid, but neither the proof nor a commitment proof shows that the weights are in range\n  4  `compile`: the program is written, but it is not the model (--min-agreement, --min-column-bits)"
)]
struct Cli {
    /// Print the result as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Print nothing but the result.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How progress is told.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    progress: Progress,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(cmd::demo::Demo),
    Compile(cmd::compile::Compile),
    Commit(cmd::commit::Commit),
    Setup(cmd::setup::SetupCommand),
    Generate(cmd::generate::Generate),
    Input(cmd::input::InputCommand),
    Context(cmd::context::ContextCommand),
    Credential(cmd::credential::CredentialCommand),
    Prove(cmd::prove::Prove),
    ProveWeights(cmd::prove_weights::ProveWeights),
    Join(cmd::join::Join),
    Verify(cmd::verify::Verify),
    Verifier(cmd::verifier::VerifierCommand),
    Deploy(cmd::deploy::Deploy),
    Register(cmd::register::Register),
    Submit(cmd::submit::Submit),
    Check(cmd::check::Check),
    Poll(cmd::poll::PollCommand),
    Audit(cmd::audit::AuditCommand),
    Serve(Box<cmd::serve::Serve>),
    Card(cmd::card::CardCommand),
    Srs(cmd::srs::SrsCommand),
    Inspect(cmd::inspect::Inspect),
    Bench(cmd::bench::Bench),
    Report(cmd::report::ReportCommand),
}

fn main() -> std::process::ExitCode {
    memory::keep_buffers();
    let cli = Cli::parse();
    measure::since_start();
    if cli.progress == Progress::Json {
        progress::tell();
    }
    let out = Output {
        json: cli.json,
        quiet: cli.quiet,
    };
    match run(cli.command, out) {
        Ok(exit) => exit.into(),
        Err(report) => {
            out.error(&report);
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(command: Command, out: Output) -> eyre::Result<Exit> {
    let done = match command {
        Command::Demo(c) => block_on(c.run(out)),
        Command::Compile(c) => return c.run(out),
        Command::Commit(c) => c.run(out),
        Command::Setup(c) => c.run(out),
        Command::Generate(c) => c.run(out),
        Command::Input(c) => c.run(out),
        Command::Context(c) => c.run(out),
        Command::Credential(c) => c.run(out),
        Command::Prove(c) => c.run(out),
        Command::ProveWeights(c) => c.run(out),
        Command::Join(c) => c.run(out),
        Command::Verify(c) => return c.run(out),
        Command::Verifier(c) => c.run(out),
        Command::Deploy(c) => block_on(c.run(out)),
        Command::Register(c) => block_on(c.run(out)),
        Command::Submit(c) => block_on(c.run(out)),
        Command::Check(c) => block_on(c.run(out)),
        Command::Poll(c) => block_on(c.run(out)),
        Command::Audit(c) => block_on(c.run(out)),
        Command::Serve(c) => block_on(c.run(out)),
        Command::Card(c) => c.run(out),
        Command::Srs(c) => c.run(out),
        Command::Inspect(c) => c.run(out),
        Command::Bench(c) => c.run(out),
        Command::Report(c) => c.run(out),
    };
    done.map(|()| Exit::Done)
}

fn block_on<T>(future: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(future)
}
