//! A real node for a test: anvil from `node_modules`, on a free port, ended with the value.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::workspace;

/// First account of anvil's published mnemonic; worth nothing anywhere.
pub const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A running anvil.
pub struct Anvil {
    child: Child,
    /// Its address.
    pub url: String,
}

impl Anvil {
    /// Starts one on a chain id; `None`, with the reason printed, if it is not installed.
    pub fn start(chain_id: u64) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: no anvil in node_modules; run `npm ci` in the repository root");
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
