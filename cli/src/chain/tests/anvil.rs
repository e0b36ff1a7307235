//! A real node for a test: anvil from `node_modules`, on a free port, ended with the value.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::workspace;

/// First account of anvil's published mnemonic; worth nothing anywhere.
pub const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// Set to 1 to skip the tests of contracts where a tool of `npm ci` is missing; otherwise they fail, as a test that checks
/// nothing must not pass.
const SKIP: &str = "LAMINATE_SKIP_CONTRACT_TESTS";

/// Fails for want of `tool`, or says that it is missing where [`SKIP`] is set.
pub fn missing(tool: &str) {
    assert!(
        std::env::var_os(SKIP).is_some_and(|value| value == "1"),
        "no {tool}: run `npm ci` in the repository root, or set {SKIP}=1 to skip the tests of contracts"
    );
    eprintln!("skipped: no {tool}, and {SKIP} is set");
}

/// A running anvil.
pub struct Anvil {
    child: Child,
    /// Its address.
    pub url: String,
}

impl Anvil {
    /// Starts one on a chain id; `None` if it is not installed and such tests are to be skipped.
    pub fn start(chain_id: u64) -> Option<Self> {
        let Some(program) = program() else {
            missing("anvil in node_modules");
            return None;
        };
        let mut child = Command::new(program)
            .args(["--port", "0", "--chain-id", &chain_id.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil did not start");
        // Anvil logs every request: an unread pipe would fill and stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            child,
            url: format!("http://{address}"),
        })
    }
}

/// The native program: the script in `.bin` starts it as a child that would outlive a kill.
fn program() -> Option<PathBuf> {
    let packages = std::fs::read_dir(workspace().join("node_modules/@foundry-rs")).ok()?;
    let mut found = packages.filter_map(|entry| Some(entry.ok()?.path().join("bin/anvil")));
    found.find(|path| path.is_file() && !path.ends_with("@foundry-rs/anvil/bin/anvil"))
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
