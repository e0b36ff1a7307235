//! What the workspace asks of other platforms than the one it is built on.

use std::process::Command;

/// Features of the dependencies of the binary, as `cargo tree` lists them for a target.
fn features(target: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "laminate"])
        .args(["--edges", "features", "--prefix", "none"])
        .args(["--target", target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo tree --target {target}: {error}"
    );
    String::from_utf8(output.stdout).expect("cargo tree prints text")
}

/// The lines that switch on assembly of the curves' crates, whose build fails on any other processor.
fn curve_assembly(features: &str) -> Vec<&str> {
    let crates = ["halo2curves", "halo2-base", "halo2-axiom", "halo2-proofs"];
    features
        .lines()
        .filter(|line| {
            line.contains("feature \"asm\"") && crates.iter().any(|name| line.starts_with(name))
        })
        .collect()
}

#[test]
fn assembly_is_asked_for_on_x86_64_alone() {
    assert!(
        !curve_assembly(&features("x86_64-unknown-linux-gnu")).is_empty(),
        "no assembly where it is meant to be: this test would see none elsewhere either"
    );
    for target in ["aarch64-apple-darwin", "aarch64-unknown-linux-gnu"] {
        let tree = features(target);
        assert!(
            tree.contains("halo2curves-axiom"),
            "{target}: not the tree of this workspace"
        );
        assert_eq!(curve_assembly(&tree), Vec::<&str>::new(), "{target}");
    }
}
