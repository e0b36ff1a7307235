//! Standard output and standard error as other programs use them.

use std::process::{Command, Stdio};

/// A reader that has seen enough, such as `head`, is no error.
#[test]
fn a_closed_standard_output_is_no_error() {
    let dir = tempfile::tempdir().expect("folder");
    for json in [false, true] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laminate"));
        command.current_dir(dir.path());
        command.args(["srs", "dev", "-k", "4", "-o", "dev.srs"]);
        command.args(json.then_some("--json"));
        let (stdout, stderr) = (Stdio::piped(), Stdio::piped());
        let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("run");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("end");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        assert!(dir.path().join("dev.srs").exists());
        std::fs::remove_file(dir.path().join("dev.srs")).expect("remove");
    }
}

/// Nor is one that wants no prose: the work is done all the same.
#[test]
fn a_closed_standard_error_is_no_error() {
    let dir = tempfile::tempdir().expect("folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laminate"));
        command.current_dir(dir.path()).args(arguments);
        let (stdout, stderr) = (Stdio::piped(), Stdio::piped());
        let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("run");
        drop(child.stderr.take());
        child.wait_with_output().expect("end").status
    };
    let made = run(&["srs", "dev", "-k", "4", "-o", "dev.srs"]);
    assert_eq!(made.code(), Some(0));
    assert!(dir.path().join("dev.srs").exists());
    // An error that cannot be told is an error still.
    assert_eq!(run(&["inspect", "none.lam"]).code(), Some(1));
}

/// With `--progress json` every line of standard error is an object, and every stage that begins ends.
#[test]
fn progress_as_json_is_one_object_a_line() {
    let dir = tempfile::tempdir().expect("folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laminate"));
        command.current_dir(dir.path()).args(arguments);
        // A cache of its own: a string that lies in the user's is not made, and no stage is told.
        command.env("LAMINATE_CACHE", dir.path().join("cache"));
        command.args(["--progress", "json"]);
        let output = command.output().expect("run");
        let lines = String::from_utf8(output.stderr).expect("text");
        let events: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect();
        (output.status.code(), events)
    };
    let (code, events) = run(&["srs", "dev", "-k", "12", "-o", "dev.srs"]);
    assert_eq!(code, Some(0));
    let of = |kind: &str| -> Vec<_> {
        let events = events.iter().filter(|e| e["event"] == kind);
        events.map(|e| e["stage"].to_string()).collect()
    };
    assert!(!of("begin").is_empty() && of("begin").len() == of("end").len());
    assert!(!of("tick").is_empty(), "{events:?}");
    for event in &events {
        assert!(event["t"].as_f64().expect("time") > 1.6e9, "{event}");
        if event["event"] != "note" {
            assert!(
                event["seconds"].is_number() && event["rss"].is_u64(),
                "{event}"
            );
        }
        if event["event"] == "tick" {
            assert!(event["done"].as_u64() <= event["of"].as_u64(), "{event}");
        }
    }
    // What is wrong is told in the same form.
    let (code, events) = run(&["inspect", "none\u{1b}.lam"]);
    assert_eq!((code, events.len()), (Some(1), 1));
    assert_eq!(events[0]["event"], "error");
    assert!(events[0]["text"].as_str().expect("text").contains("none"));
}
