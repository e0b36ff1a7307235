//! The machine of a run.

use std::fs;

use serde::{Deserialize, Serialize};

/// A machine, as far as times depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Operating system and architecture.
    pub platform: String,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Threads that the prover uses.
    pub threads: u64,
    /// Memory, where the system tells it.
    pub memory_bytes: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: value(&read("/proc/cpuinfo"), "model name").map(Into::into),
            threads: rayon::current_num_threads() as u64,
            memory_bytes: value(&read("/proc/meminfo"), "MemTotal").and_then(kib),
        }
    }
}

/// The value of the first line with a name.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map(|(_, value)| value.trim())
}

fn kib(text: &str) -> Option<u64> {
    let count: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
    count.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let info = "processor\t: 0\nmodel name\t: A CPU @ 2.0 GHz: fast\nmodel name\t: B\n";
        assert_eq!(value(info, "model name"), Some("A CPU @ 2.0 GHz: fast"));
        assert_eq!(value(info, "name"), None);
        assert_eq!(kib("24 kB"), Some(24 << 10));
        assert_eq!(
            (kib("24"), kib("x kB"), kib("18446744073709551615 kB")),
            (None, None, None)
        );
        assert!(Machine::this().threads > 0);
    }
}
