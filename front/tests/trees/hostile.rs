//! Truncated, altered and hostile files: an error or a model that runs, never a panic, never memory beyond the file's.

use std::path::{Path, PathBuf};

use laminate_front::trees::{self, Ensemble, TreeError, keys};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn carried() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/models");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("models")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| !path.ends_with("expected.json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|p| (p.clone(), std::fs::read(p).expect("model")))
        .collect()
}

/// What an accepted model must do: run, and agree with its own float evaluation.
fn runs(ensemble: &Ensemble) {
    let Ok(lowered) = trees::lower(ensemble) else {
        return;
    };
    for x in [0.0, f32::NAN, 2.5, -1e30] {
        let row = vec![x; ensemble.features];
        let floats = ensemble.margins(&row).expect("row");
        let keys = vec![keys::key(x); ensemble.features];
        let integers = lowered.machine.run(&keys).expect("runs");
        for (float, integer) in floats.iter().zip(integers) {
            let integer = lowered.machine.margin(integer);
            // Float32 sums of altered leaves may cancel: their rounding is bounded by the largest sum that fits.
            let largest = lowered.machine.margin(i32::MAX);
            let most = lowered.worst_error + largest * 1e-6;
            assert!((float - integer).abs() <= most, "{float} {integer}");
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    let mut cuts = 0;
    for (path, bytes) in carried() {
        // What a model computes ends before the attributes that some formats have at their end.
        let needed = bytes.len() / 2;
        for cut in (0..needed).step_by(7).chain([needed]) {
            let result = trees::decode(&bytes[..cut]);
            assert!(result.is_err(), "{} cut at {cut}", path.display());
            cuts += 1;
        }
        for cut in (needed..bytes.len()).step_by(13) {
            if let Ok(ensemble) = trees::decode(&bytes[..cut]) {
                runs(&ensemble);
            }
            cuts += 1;
        }
    }
    assert!(cuts > 10_000, "{cuts}");
}

#[test]
fn altered_files_are_refused_or_run() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut accepted, mut refused) = (0, 0);
    for (_, bytes) in carried() {
        for _ in 0..150 {
            let mut bytes = bytes.clone();
            for _ in 0..rng.gen_range(1..4) {
                let at = rng.gen_range(0..bytes.len());
                bytes[at] = match rng.gen_range(0..4) {
                    0 => rng.r#gen(),
                    1 => bytes[at] ^ 1 << rng.gen_range(0..8),
                    2 => b'0' + rng.gen_range(0..10),
                    _ => [0, 0xff, b'-', b' '][rng.gen_range(0..4)],
                };
            }
            match trees::decode(&bytes) {
                Ok(ensemble) => {
                    runs(&ensemble);
                    accepted += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 300 && refused > 300);
}

#[test]
fn deep_nesting_is_an_error() {
    let json = |open: &str| format!("{{\"learner\": {}", open.repeat(200_000)).into_bytes();
    for open in ["[", "{\"a\":"] {
        assert!(trees::decode(&json(open)).is_err());
        // Where it stands in for what the reader wants, the parser's own bound speaks.
        let deep = format!("{{\"learner\":{{\"objective\":{}", open.repeat(200_000));
        assert!(trees::decode(deep.as_bytes()).is_err());
    }
    let tree = "{\"split\":{\"split_type\":\"FloatFeature\",\"border\":1,\"float_feature_index\":0},\"right\":{\"value\":1},\"left\":";
    let deep = format!(
        "{{\"features_info\":{{}},\"model_info\":{{}},\"trees\":[{}",
        tree.repeat(100_000)
    );
    assert!(trees::decode(deep.as_bytes()).is_err());
    let mut ubj = b"{U\x07learner".to_vec();
    ubj.extend(b"[".repeat(200_000));
    let error = trees::decode(&ubj).expect_err("deep").to_string();
    assert!(!error.is_empty());
    // Where the reader skips what it does not know, too.
    let mut ubj = b"{U\x05other".to_vec();
    ubj.extend(b"[".repeat(200_000));
    let error = trees::decode(&ubj).expect_err("deep").to_string();
    assert!(error.contains("nesting deeper"), "{error}");
}

#[test]
fn counts_without_data_are_errors() {
    // A typed array of 2^60 floats, of 2^60 values of no bytes, a string of 2^62 bytes, a negative length.
    for tail in [
        &b"[$d#L\x10\0\0\0\0\0\0\0"[..],
        b"[$T#L\x10\0\0\0\0\0\0\0",
        b"[$Z#L\x10\0\0\0\0\0\0\0",
        b"[#L\x10\0\0\0\0\0\0\0",
        b"SL\x40\0\0\0\0\0\0\0",
        b"SL\xff\0\0\0\0\0\0\0",
        b"[$d",
        b"{#L\x10\0\0\0\0\0\0\0",
    ] {
        for key in [&b"{U\x05other"[..], b"{U\x07learner"] {
            assert!(trees::decode(&[key, tail].concat()).is_err());
        }
    }
    // The old binary format: 2^31 trees, and 2^24 nodes in a file of a few kilobytes.
    let files = carried();
    let old = |name: &str| {
        let file = files.iter().find(|(p, _)| p.ends_with(name));
        file.expect(name).1.clone()
    };
    let mut bytes = old("xgb_old_binary.deprecated");
    let start = if bytes.starts_with(b"binf") { 4 } else { 0 };
    let trees_at = start + 136 + 8 + "binary:logistic".len() + 8 + "gbtree".len();
    bytes[trees_at..trees_at + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    assert!(matches!(
        trees::decode(&bytes),
        Err(TreeError::TooLarge { .. })
    ));
    let mut bytes = old("xgb_old_binary.deprecated");
    let nodes_at = trees_at + 160 + 4;
    bytes[nodes_at..nodes_at + 4].copy_from_slice(&(1u32 << 24).to_le_bytes());
    let error = trees::decode(&bytes).expect_err("nodes").to_string();
    assert!(error.contains("are left"), "{error}");
}

/// A tree as deep as it has nodes is walked; a table beyond its cap is refused.
#[test]
fn tables_are_bounded() {
    let inner = 5000;
    let mut text = String::from(
        "tree\nversion=v4\nnum_class=4096\nnum_tree_per_iteration=1\nmax_feature_idx=0\n",
    );
    text += "feature_names=a\nobjective=regression\n\n";
    let list = |f: &dyn Fn(usize) -> String, n: usize| (0..n).map(f).collect::<Vec<_>>().join(" ");
    text += &format!("Tree=0\nnum_leaves={}\nnum_cat=0\n", inner + 1);
    text += &format!("split_feature={}\n", list(&|_| "0".into(), inner));
    text += &format!("threshold={}\n", list(&|n| n.to_string(), inner));
    text += &format!("decision_type={}\n", list(&|_| "2".into(), inner));
    text += &format!(
        "left_child={}\n",
        list(&|n| format!("{}", -(n as i64) - 1), inner)
    );
    // A chain to the right: as deep as it has nodes.
    let right = |n: usize| {
        if n + 1 < inner {
            (n + 1).to_string()
        } else {
            format!("{}", -(inner as i64) - 1)
        }
    };
    text += &format!("right_child={}\n", list(&right, inner));
    text += &format!(
        "leaf_value={}\n\nend of trees\n",
        list(&|n| n.to_string(), inner + 1)
    );
    let mut ensemble = trees::decode(text.as_bytes()).expect("a deep tree is a tree");
    let lowered = trees::lower(&ensemble).expect("lowers");
    assert_eq!(lowered.machine.steps as usize, inner + 1);
    assert_eq!(ensemble.margins(&[4321.5]).expect("row"), [4322.0]);
    runs(&ensemble);
    // The same tree for every one of many outputs.
    ensemble.base = vec![0.0; 2000];
    ensemble.trees[0].target = trees::Target::All;
    ensemble.trees[0].values = vec![0.0; 2000 * (inner + 1)];
    ensemble.check().expect("well formed");
    assert!(matches!(
        trees::lower(&ensemble),
        Err(TreeError::TooLarge { .. })
    ));
}
