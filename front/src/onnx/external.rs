//! Constants whose elements lie in a file beside the model.
//!
//! A tensor names a file, an offset and a length in it (`docs/ExternalData.md` of onnx/onnx). The names are
//! untrusted: files are opened in the model's folder and below it only, links out of it included, and all parts
//! together are at most as large as the largest model file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::MAX_FILE;
use super::error::ImportError;
use super::messages::{ModelProto, TensorProto};

/// [`TensorProto::data_location`] of a tensor in another file.
const EXTERNAL: i32 = 1;

/// Reads what the tensors of `model`, the file at `path`, have in other files.
///
/// # Errors
/// [`ImportError::Tensor`] for a file outside the model's folder, a part outside its file or of another size than
/// the tensor's shape, [`ImportError::Read`], [`ImportError::TooLarge`].
pub fn embed(model: &mut ModelProto, path: &Path) -> Result<(), ImportError> {
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    let attributes = graph.node.iter_mut().flat_map(|n| &mut n.attribute);
    let tensors = attributes.filter_map(|a| a.t.as_mut());
    let mut total = 0;
    for tensor in graph.initializer.iter_mut().chain(tensors) {
        if tensor.data_location == EXTERNAL {
            read(tensor, path, &mut total)?;
        }
    }
    Ok(())
}

fn read(tensor: &mut TensorProto, model: &Path, total: &mut u64) -> Result<(), ImportError> {
    let fail = |problem: String| ImportError::Tensor {
        tensor: tensor.name.clone(),
        problem,
    };
    let entry = |key: &str| {
        let mut entries = tensor.external_data.iter().filter(|e| e.key == key);
        match (entries.next(), entries.next()) {
            (first, None) => Ok(first.map(|e| e.value.as_str())),
            (_, Some(_)) => Err(fail(format!("names the {key} of its data twice"))),
        }
    };
    let number = |key: &str| {
        let value = entry(key)?.map(|v| (v, v.parse::<u64>()));
        match value {
            None => Ok(None),
            Some((_, Ok(number))) => Ok(Some(number)),
            Some((text, Err(_))) => Err(fail(format!(
                "the {key} of its data is {text:?}, expected a whole number"
            ))),
        }
    };
    let location = entry("location")?;
    let location =
        location.ok_or_else(|| fail("its data lies in another file, which is not named".into()))?;
    let path = inside(model, location).map_err(&fail)?;
    let error = |source| ImportError::Read {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(error)?;
    let size = file.metadata().map_err(error)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or_else(|| size.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(fail(format!(
            "its data is {length} bytes at offset {offset} of {location:?}, which has {size}; the file is truncated or another one"
        )));
    }
    *total = total.saturating_add(length);
    if *total > MAX_FILE {
        return Err(ImportError::TooLarge {
            what: "size of all data in other files".into(),
            found: *total,
            limit: MAX_FILE,
        });
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(error)?;
    file.take(length).read_to_end(&mut bytes).map_err(error)?;
    tensor.raw_data = bytes.into();
    tensor.data_location = 0;
    tensor.external_data.clear();
    Ok(())
}

/// The file that a tensor names, in the folder of the model.
fn inside(model: &Path, location: &str) -> Result<PathBuf, String> {
    let outside = || {
        format!(
            "its data lies in {location:?}, expected a regular file in the model's folder, not a link out of it"
        )
    };
    let name = Path::new(location);
    let plain = name.components().all(|c| matches!(c, Component::Normal(_)));
    if !plain || location.is_empty() || location.contains(['\\', '\0']) {
        return Err(outside());
    }
    let folder = match model.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let missing = |e: std::io::Error| {
        format!("its data lies in {location:?} beside the model, which cannot be read: {e}")
    };
    let folder = folder.canonicalize().map_err(missing)?;
    let path = folder.join(name).canonicalize().map_err(missing)?;
    if path.starts_with(&folder) && path.is_file() {
        Ok(path)
    } else {
        Err(outside())
    }
}
