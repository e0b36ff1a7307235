//! Constants in files beside the model.

use std::path::Path;

use super::build::Model;
use crate::graph::Graph;
use crate::onnx::messages::StringStringEntryProto;
use crate::onnx::{ImportError, read};

/// `y = x·w` with `w` of two floats in another file.
fn model(entries: &[(&str, &str)]) -> Model {
    let mut model =
        Model::new(&[2])
            .floats("w", &[2, 1], &[0.0; 2])
            .node("MatMul", &["x", "w"], "y");
    let tensor = &mut model.graph().initializer[0];
    tensor.raw_data = Default::default();
    tensor.data_location = 1;
    tensor.external_data = entries
        .iter()
        .map(|(key, value)| StringStringEntryProto {
            key: (*key).into(),
            value: (*value).into(),
        })
        .collect();
    model
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn import(folder: &Path, entries: &[(&str, &str)]) -> Result<Graph, ImportError> {
    let path = folder.join("model.onnx");
    std::fs::write(&path, model(entries).bytes()).unwrap();
    read(&path)
}

#[test]
fn parts_of_a_file_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (floats(&[2.0, -3.0]), floats(&[9.0, 2.0, -3.0, 9.0]));
    std::fs::write(folder.path().join("model.onnx.data"), &one).unwrap();
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    std::fs::write(folder.path().join("parts/w"), &two).unwrap();
    let whole: &[(&str, &str)] = &[("location", "model.onnx.data")];
    let part: &[(&str, &str)] = &[
        ("location", "parts/w"),
        ("offset", "4"),
        ("length", "8"),
        ("checksum", "unread"),
    ];
    for entries in [whole, part] {
        let graph = import(folder.path(), entries).unwrap();
        assert_eq!(graph.run(&[vec![10.0, 1.0]]).unwrap(), [[17.0]]);
    }
    // A constant given by an attribute, too.
    let mut node = model(whole);
    let tensor = node.graph().initializer.remove(0);
    let constant = Model::new(&[1]).node("Constant", &[], "w").attribute(
        crate::onnx::messages::AttributeProto {
            name: "value".into(),
            t: Some(tensor),
            kind: crate::onnx::messages::attribute_type::TENSOR,
            ..Default::default()
        },
    );
    let constant = constant.0.graph.unwrap().node.remove(0);
    node.graph().node.insert(0, constant);
    let path = folder.path().join("attribute.onnx");
    std::fs::write(&path, node.bytes()).unwrap();
    assert_eq!(
        read(&path).unwrap().run(&[vec![1.0, 1.0]]).unwrap(),
        [[-1.0]]
    );
}

#[test]
fn files_elsewhere_are_not_opened() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let secret = outer.path().join("secret");
    std::fs::write(&secret, floats(&[2.0, -3.0])).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.join("link")).unwrap();
        std::os::unix::fs::symlink(outer.path(), folder.join("up")).unwrap();
    }
    let absolute = secret.to_string_lossy().into_owned();
    for location in [
        "../secret",
        "./../secret",
        "link",
        "up/secret",
        "..",
        ".",
        "",
        "a\\..\\secret",
        "nul\0",
        &absolute,
    ] {
        let error = import(&folder, &[("location", location)]).unwrap_err();
        assert!(
            matches!(error, ImportError::Tensor { .. }),
            "{location}: {error}"
        );
    }
}

#[test]
fn sizes_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w"), floats(&[2.0, -3.0, 1.0])).unwrap();
    let huge = u64::MAX.to_string();
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("location", "missing")], "cannot be read"),
        (&[("location", "w")], "its shape [2, 1] wants 2"),
        (
            &[("location", "w"), ("length", "4")],
            "its shape [2, 1] wants 2",
        ),
        (
            &[("location", "w"), ("offset", "8"), ("length", "8")],
            "8 bytes at offset 8",
        ),
        (
            &[("location", "w"), ("offset", &huge), ("length", "8")],
            "the file is truncated",
        ),
        (
            &[("location", "w"), ("offset", "8"), ("length", &huge)],
            "the file is truncated",
        ),
        (
            &[("location", "w"), ("offset", "-4")],
            "expected a whole number",
        ),
        (
            &[("location", "w"), ("location", "v")],
            "names the location of its data twice",
        ),
        (&[("offset", "0")], "which is not named"),
    ];
    for (entries, expected) in cases {
        let error = import(folder.path(), entries).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
