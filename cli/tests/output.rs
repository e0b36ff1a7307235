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
