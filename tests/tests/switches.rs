//! The switches of `scripts/mutate_verifier.sh`.

use std::collections::BTreeSet;

use laminate_tests::switches;

/// A name that stands at two places would switch both, and one of them might be missed by no test.
#[test]
fn every_switch_has_a_name_of_its_own() {
    let mut seen = BTreeSet::new();
    let all = switches::all();
    for switch in &all {
        assert!(seen.insert(&switch.name), "{switch:?} is the second one");
    }
    let of = |name: &str| all.iter().filter(|s| s.file.contains(name)).count();
    for (name, least) in [
        ("program/", 60),
        ("model/src/ops/", 70),
        ("multiexp/", 30),
        ("join/", 40),
        ("snark/", 10),
    ] {
        assert!(
            of(name) >= least,
            "{} in {name}: are they still found?",
            of(name)
        );
    }
    println!("{} switches", all.len());
}

/// What people run has none: the command line is not built with the feature, and here it is off unless asked for.
#[test]
fn released_verifiers_have_no_switches() {
    let main = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/src/main.rs");
    let main = std::fs::read_to_string(main).expect("the command line's source");
    assert!(main.contains("!laminate_engine::switch::MUTABLE"));
    if laminate_engine::switch::MUTABLE {
        println!("skipped: built with the feature `mutants`");
        return;
    }
    assert!(laminate_engine::switch::on("anything"));
}
