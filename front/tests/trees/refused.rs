//! What the readers refuse, and that they name it.

use std::path::Path;

use laminate_front::onnx::messages::{AttributeProto, ModelProto};
use laminate_front::trees::{self, TreeError};
use prost::Message;

fn carried(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/trees/models")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The model with the first `from` replaced.
fn with(name: &str, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(carried(name)).expect("text");
    assert!(text.contains(from), "{name} has no {from:?}");
    text.replacen(from, to, 1).into_bytes()
}

/// The ONNX model with the attribute `name` of its trees changed.
fn onnx(file: &str, name: &str, change: impl Fn(&mut AttributeProto)) -> Vec<u8> {
    let mut model = ModelProto::decode(carried(file).as_slice()).expect("model");
    let nodes = &mut model.graph.as_mut().expect("graph").node;
    let node = nodes
        .iter_mut()
        .find(|n| n.op_type.starts_with("TreeEnsemble"))
        .expect("trees");
    let attribute = node.attribute.iter_mut().find(|a| a.name == name);
    change(attribute.unwrap_or_else(|| panic!("no {name}")));
    model.encode_to_vec()
}

fn refused(bytes: &[u8], expected: &str) {
    let error = trees::decode(bytes).expect_err(expected).to_string();
    assert!(error.contains(expected), "{expected:?} is not in {error:?}");
}

#[test]
fn features_without_counterpart_are_named() {
    refused(
        &with("lgb_binary.txt", "is_linear=0", "is_linear=1"),
        "linear trees",
    );
    refused(
        &with("lgb_binary.txt", "version=v4", "version=v2"),
        "version \"v2\"",
    );
    refused(
        &with(
            "lgb_binary.txt",
            "objective=binary sigmoid:1",
            "objective=mine",
        ),
        "objective \"mine\"",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"name\":\"gbtree\"",
            "\"name\":\"gblinear\"",
        ),
        "booster \"gblinear\"",
    );
    refused(
        &with("xgb_binary.json", "binary:logistic", "mine:own"),
        "objective \"mine:own\"",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"size_leaf_vector\":\"1\"",
            "\"size_leaf_vector\":\"3\"",
        ),
        "3, the model has 1 outputs",
    );
    refused(
        &with(
            "cat_binary.json",
            "\"features_info\":{",
            "\"features_info\":{\"ctrs\":[{}],",
        ),
        "CTR",
    );
    refused(
        &with(
            "cat_binary.json",
            "\"features_info\":{",
            "\"features_info\":{\"text_features\":[{}],",
        ),
        "text features",
    );
}

#[test]
fn features_of_catboost_and_onnx_without_counterpart_are_named() {
    let one_hot = "\"split_type\":\"OneHotFeature\"";
    refused(
        &with("cat_onehot.json", one_hot, "\"split_type\":\"OnlineCtr\""),
        "\"OnlineCtr\"",
    );
    refused(
        &with(
            "cat_onehot.json",
            "\"split_type\":\"OneHotFeature\",\"value\":",
            "\"split_type\":\"OneHotFeature\",\"value\":7,\"other\":",
        ),
        "whose hash is 7",
    );
    refused(
        &with(
            "cat_binary.json",
            "\"split_type\":\"FloatFeature\"",
            "\"split_type\":\"OneHotFeature\"",
        ),
        "OneHotFeature",
    );
    refused(
        &onnx("onnx_equal.onnx", "aggregate_function", |a| {
            a.s = "MAX".into()
        }),
        "aggregate_function \"MAX\"",
    );
    refused(
        &onnx("onnx_v5_sets.onnx", "aggregate_function", |a| a.i = 2),
        "aggregate_function MIN",
    );
    refused(
        &onnx("onnx_equal.onnx", "nodes_modes", |a| {
            a.strings[0] = "BRANCH_MEMBER".into()
        }),
        "BRANCH_MEMBER",
    );
    refused(
        &onnx("skl_tree.onnx", "post_transform", |a| a.s = "PROBIT".into()),
        "PROBIT",
    );
}

#[test]
fn other_files_are_recognised() {
    for (bytes, expected) in [
        (&b"\x80\x04\x95"[..], "pickle"),
        (b"CBM1\0\0", "CatBoost's own binary format"),
        (b"bs64\tAAAA", "base64"),
        (b"[{\"nodeid\": 0}]", "JSON list"),
        (
            b"{\"tree_info\": [], \"name\": \"tree\"}",
            "dump of LightGBM",
        ),
        (b"{\"a\": 1}", "no known library"),
        (b"{\"learner\": ", "damaged JSON"),
        (b"", "no model of trees that is known"),
        (b"tree", "no model of trees that is known"),
        (b"\x08\x08", "no model of trees that is known"),
    ] {
        refused(bytes, expected);
        assert!(matches!(
            trees::decode(bytes),
            Err(TreeError::Unknown { .. })
        ));
    }
}

#[test]
fn broken_structure_is_named() {
    // Cycle, shared child, child and feature that are not there, in every kind of file.
    refused(
        &with("lgb_binary.txt", "left_child=", "left_child=0 "),
        "left_child has",
    );
    let cycle = first_number("lgb_binary.txt", "left_child=", "0");
    refused(&cycle, "node 0 is reached twice");
    refused(
        &first_number("lgb_binary.txt", "left_child=", "99"),
        "child 99",
    );
    refused(
        &first_number("lgb_binary.txt", "left_child=", "-99"),
        "child -99",
    );
    refused(
        &first_number("lgb_binary.txt", "split_feature=", "6"),
        "feature 6, the model has 6",
    );
    refused(&first_number("lgb_binary.txt", "threshold=", "nan"), "NaN");
    refused(
        &first_number("lgb_binary.txt", "leaf_value=", "inf"),
        "not finite",
    );
    refused(
        &first_number("lgb_binary.txt", "decision_type=", "12"),
        "decision_type 12",
    );
    refused(
        &first_number("lgb_categories.txt", "cat_boundaries=", "1"),
        "cat_boundaries",
    );
    refused(
        &with("lgb_binary.txt", "num_leaves=", "num_leaves=2\nnum_leaves="),
        "twice",
    );
    refused(
        &with("lgb_binary.txt", "Tree=1", "Tree=2"),
        "expected \"Tree=1\"",
    );
    refused(
        &with("lgb_binary.txt", "num_leaves=", "num_leaves=99999999999"),
        "at most",
    );
    refused(
        &first_number("lgb_binary.txt", "max_feature_idx=", "4"),
        "names, expected 5",
    );
}

#[test]
fn broken_json_is_named() {
    refused(
        &with(
            "xgb_binary.json",
            "\"left_children\":[1,",
            "\"left_children\":[0,",
        ),
        "node 0 is reached twice",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"left_children\":[1,",
            "\"left_children\":[2,",
        ),
        "node 2 is reached twice",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"left_children\":[1,",
            "\"left_children\":[77,",
        ),
        "node 77",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"left_children\":[1,",
            "\"left_children\":[-7,",
        ),
        "child -7",
    );
    refused(
        &with(
            "xgb_binary.json",
            "\"left_children\":[1,",
            "\"left_children\":[1,1,",
        ),
        "entries, expected",
    );
    let param = "\"num_class\":\"0\",\"num_feature\":\"6\"";
    refused(
        &with(
            "xgb_binary.json",
            param,
            "\"num_class\":\"0\",\"num_feature\":\"x\"",
        ),
        "num_feature",
    );
    refused(
        &with(
            "xgb_binary.json",
            param,
            "\"num_class\":\"0\",\"num_feature\":\"2\"",
        ),
        "feature",
    );
    refused(
        &with(
            "xgb_binary.json",
            param,
            "\"num_class\":\"99999\",\"num_feature\":\"6\"",
        ),
        "at most",
    );
    refused(
        &with("xgb_classes.json", "\"tree_info\":[0,", "\"tree_info\":[3,"),
        "output 3",
    );
    refused(
        &with(
            "xgb_categories.json",
            "\"categories_segments\":[0,",
            "\"categories_segments\":[9999,",
        ),
        "from 9999 on",
    );
    refused(
        &with(
            "xgb_categories.json",
            "\"categories\":[",
            "\"categories\":[-1,",
        ),
        "categor",
    );
    refused(
        &with("xgb_dart.json", "\"weight_drop\":[", "\"weight_drop\":[1,"),
        "weight_drop",
    );
    refused(
        &with(
            "cat_binary.json",
            "\"leaf_values\":[",
            "\"leaf_values\":[1,",
        ),
        "9 values, expected 8",
    );
    refused(
        &with(
            "cat_binary.json",
            "\"float_feature_index\":",
            "\"float_feature_index\":1",
        ),
        "float feature 1",
    );
}

/// The text model with the first number after `key` replaced.
fn first_number(name: &str, key: &str, number: &str) -> Vec<u8> {
    let text = String::from_utf8(carried(name)).expect("text");
    let at = text.find(key).expect(key) + key.len();
    let end = at + text[at..].find([' ', '\n']).expect("end");
    format!("{}{number}{}", &text[..at], &text[end..]).into_bytes()
}

#[test]
fn broken_onnx_is_named() {
    let file = "skl_tree.onnx";
    refused(
        &onnx(file, "nodes_truenodeids", |a| a.ints[0] = 0),
        "node 0 is reached twice",
    );
    refused(
        &onnx(file, "nodes_truenodeids", |a| a.ints[0] = 999),
        "no node 999",
    );
    refused(
        &onnx(file, "nodes_nodeids", |a| a.ints[1] = 0),
        "is there twice",
    );
    refused(
        &onnx(file, "nodes_featureids", |a| a.ints[0] = -1),
        "feature -1",
    );
    refused(
        &onnx(file, "nodes_featureids", |a| a.ints[0] = 6),
        "feature 6",
    );
    refused(
        &onnx(file, "nodes_featureids", |a| a.ints[0] = 1 << 31),
        "feature 2147483648 of 6",
    );
    refused(
        &onnx(file, "nodes_values", |a| a.floats[0] = f32::NAN),
        "NaN",
    );
    refused(
        &onnx(file, "class_weights", |a| a.floats[0] = f32::NAN),
        "not finite",
    );
    refused(
        &onnx(file, "class_nodeids", |a| a.ints[0] = 0),
        "which is no leaf",
    );
    refused(
        &onnx(file, "class_ids", |a| a.ints.truncate(3)),
        "entries, expected",
    );
    refused(
        &onnx("skl_classes.onnx", "class_ids", |a| a.ints[0] = 3),
        "class 3 of 3",
    );
    refused(&onnx(file, "nodes_values", |a| a.kind = 7), "has type 7");
    refused(
        &onnx(file, "nodes_hitrates", |a| a.name = "nodes_values".into()),
        "is there twice",
    );
    let file = "onnx_v5_sets.onnx";
    refused(
        &onnx(file, "tree_roots", |a| a.ints[1] = 0),
        "reached twice",
    );
    refused(
        &onnx(file, "nodes_falsenodeids", |a| a.ints[0] = 0),
        "reached twice",
    );
    refused(
        &onnx(file, "leaf_targetids", |a| a.ints[0] = 2),
        "target 2 of 2",
    );
    refused(
        &onnx(file, "nodes_truenodeids", |a| a.ints[1] = 99),
        "leaf 99",
    );
    refused(&onnx(file, "n_targets", |a| a.i = -1), "at most");
    let modes = |a: &mut AttributeProto| a.t.as_mut().expect("tensor").int32_data[0] = 9;
    refused(&onnx(file, "nodes_modes", modes), "sets, expected");
}
