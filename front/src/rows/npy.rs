//! Rows from a NumPy array: `.npy`, versions 1 to 3.
//!
//! | array | rows |
//! | --- | --- |
//! | `(rows, …)` | one for each entry of the first axis, flattened row-major |
//! | of as many numbers as the model takes, whatever its shape | one |
//!
//! Numbers are floats of 16, 32 or 64 bits, integers, or Booleans, in either byte order; arrays in Fortran order, as pandas
//! makes them, are read in their own order. Objects, texts, complex numbers and records are refused by name.

use std::path::Path;

use super::{Missing, RowsError};

/// How an array begins.
pub const NPY: &[u8] = b"\x93NUMPY";
/// Most bytes of a header, which NumPy itself reads without being asked twice.
const MAX_HEADER: usize = 10_000;
/// Most axes, as in NumPy.
const MAX_AXES: usize = 64;

/// What a header says.
#[derive(Debug, PartialEq)]
struct Header {
    /// Type and size of a number, such as `f4`.
    kind: String,
    /// Whether bytes are the lowest first.
    little: bool,
    /// Whether the first axis runs fastest.
    fortran: bool,
    /// Sizes of the axes.
    shape: Vec<usize>,
}

/// Rows of `columns` numbers from an array.
///
/// # Errors
/// [`RowsError`] naming what the header says and what was expected, or the row and column.
pub fn rows(
    bytes: &[u8],
    path: &Path,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f32>>, RowsError> {
    let problem = |problem: String| RowsError::Format {
        path: path.to_path_buf(),
        problem,
    };
    let (header, data) = header(bytes).map_err(problem)?;
    let count = number(&header.shape).filter(|count| *count <= data.len());
    let (size, of) = element(&header).map_err(problem)?;
    let stated = count.and_then(|count| count.checked_mul(size));
    if stated != Some(data.len()) {
        let (shape, found) = (&header.shape, data.len());
        return Err(problem(format!(
            "the array of shape {shape:?} has {found} bytes of numbers, expected {size} each: the file is cut off or longer"
        )));
    }
    let count = count.unwrap_or(0);
    let width = match header.shape.first() {
        _ if count == columns => columns,
        Some(&rows) if header.shape.len() > 1 && rows > 0 => count / rows,
        _ => count,
    };
    if width != columns || columns == 0 {
        return Err(problem(format!(
            "an array of shape {:?}, expected (rows, …) with {columns} numbers in each row, the model's features only",
            header.shape
        )));
    }
    let place = |at: usize| match header.fortran {
        true => fortran(&header.shape, at),
        false => at,
    };
    let value = |at: usize| {
        let start = place(at) * size;
        let value = data.get(start..start + size).map_or(f32::NAN, &of);
        // Booleans and integers have no other bits.
        if missing.accepts(value) {
            return Ok(value);
        }
        Err(RowsError::LineValue {
            path: path.to_path_buf(),
            line: (at / columns) as u64 + 1,
            column: at % columns + 1,
            value: value.to_string(),
        })
    };
    (0..count / columns)
        .map(|row| (row * columns..(row + 1) * columns).map(&value).collect())
        .collect()
}

/// How many numbers an array of this shape has.
fn number(shape: &[usize]) -> Option<usize> {
    let product = |count: usize, axis: &usize| count.checked_mul(*axis);
    shape.iter().try_fold(1, product)
}

/// Where the number at a place in row-major order stands in Fortran order.
fn fortran(shape: &[usize], mut at: usize) -> usize {
    let mut place = 0;
    let mut stride = shape.iter().product::<usize>();
    for axis in shape.iter().rev() {
        stride /= axis;
        place += at % axis * stride;
        at /= axis;
    }
    place
}

type Element = fn(&[u8]) -> f32;

/// A number's size, and how it is read from bytes of little endian or of either order.
fn element(header: &Header) -> Result<(usize, impl Fn(&[u8]) -> f32 + use<>), String> {
    fn word<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().unwrap_or([0; N])
    }
    let (size, of): (usize, Element) = match header.kind.as_str() {
        "f2" => (2, |b| half::f16::from_le_bytes(word(b)).to_f32()),
        "f4" => (4, |b| f32::from_le_bytes(word(b))),
        "f8" => (8, |b| f64::from_le_bytes(word(b)) as f32),
        "i1" => (1, |b| i8::from_le_bytes(word(b)).into()),
        "i2" => (2, |b| i16::from_le_bytes(word(b)).into()),
        "i4" => (4, |b| i32::from_le_bytes(word(b)) as f32),
        "i8" => (8, |b| i64::from_le_bytes(word(b)) as f32),
        "u1" => (1, |b| u8::from_le_bytes(word(b)).into()),
        "u2" => (2, |b| u16::from_le_bytes(word(b)).into()),
        "u4" => (4, |b| u32::from_le_bytes(word(b)) as f32),
        "u8" => (8, |b| u64::from_le_bytes(word(b)) as f32),
        "b1" => (1, |b| f32::from(u8::from(word(b) != [0]))),
        other => {
            return Err(format!(
                "an array of element type {other:?}, expected floats (f2, f4, f8), integers (i1 to i8, u1 to u8) or Booleans (b1); convert it: array.astype(np.float32)"
            ));
        }
    };
    let little = header.little;
    Ok((size, move |bytes: &[u8]| {
        if little {
            return of(bytes);
        }
        let mut turned = [0; 8];
        let turned = turned.get_mut(..bytes.len()).unwrap_or_default();
        turned.copy_from_slice(bytes);
        turned.reverse();
        of(turned)
    }))
}

/// The header, and the bytes behind it.
fn header(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let cut = || "not an array of NumPy: its header is cut off".to_owned();
    let rest = bytes.get(NPY.len()..).ok_or_else(cut)?;
    let (len, rest) = match rest {
        [1, _, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [version, ..] if !(1..=3).contains(version) => {
            return Err(format!(
                "an array of NumPy in version {version}, expected 1 to 3"
            ));
        }
        _ => return Err(cut()),
    };
    if len > MAX_HEADER {
        return Err(format!(
            "an array of NumPy with a header of {len} bytes, expected at most {MAX_HEADER}"
        ));
    }
    let (text, data) = rest.split_at_checked(len).ok_or_else(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| "the array's header is no text".to_owned())?;
    Ok((dictionary(text)?, data))
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn dictionary(text: &str) -> Result<Header, String> {
    let wrong = || {
        let shown: String = text.trim().chars().take(120).collect();
        format!(
            "the array's header is {shown:?}, expected 'descr' with one type of numbers, 'fortran_order' and 'shape'"
        )
    };
    let inside = text.trim().strip_prefix('{');
    let inside = inside.and_then(|t| t.strip_suffix('}')).ok_or_else(wrong)?;
    let (mut descr, mut order, mut shape) = (None, None, None);
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let (key, value) = rest.split_once(':').ok_or_else(wrong)?;
        let value = value.trim_start();
        let end = match value.chars().next() {
            Some('(') => value.find(')').map(|at| at + 1),
            _ => Some(value.find(',').unwrap_or(value.len())),
        };
        let (value, behind) = value.split_at(end.ok_or_else(wrong)?);
        let place = match quoted(key).ok_or_else(wrong)? {
            "descr" => &mut descr,
            "fortran_order" => &mut order,
            "shape" => &mut shape,
            _ => return Err(wrong()),
        };
        if place.replace(value.trim()).is_some() {
            return Err(wrong());
        }
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim();
    }
    let descr = descr.and_then(quoted).ok_or_else(wrong)?;
    let (little, kind) = match (descr.strip_prefix(['<', '|', '=']), descr.strip_prefix('>')) {
        (Some(kind), _) => (true, kind),
        (None, Some(kind)) => (false, kind),
        (None, None) => return Err(wrong()),
    };
    let fortran = match order {
        Some("True") => true,
        Some("False") => false,
        _ => return Err(wrong()),
    };
    let shape = shape.and_then(|t| t.strip_prefix('(')?.strip_suffix(')'));
    let sizes = shape.ok_or_else(wrong)?.split(',').map(str::trim);
    let sizes = sizes.filter(|size| !size.is_empty()).take(MAX_AXES + 1);
    let shape: Vec<usize> = sizes
        .map(|size| size.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    if shape.len() > MAX_AXES {
        return Err(wrong());
    }
    Ok(Header {
        kind: kind.to_owned(),
        little,
        fortran,
        shape,
    })
}

fn quoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let inside = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark);
    inside('\'').or_else(|| inside('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let len = match version {
            1 => (header.len() as u16).to_le_bytes().to_vec(),
            _ => (header.len() as u32).to_le_bytes().to_vec(),
        };
        [NPY, &[version, 0], &len, header.as_bytes(), data].concat()
    }

    fn array(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}    \n");
        file(1, &header, data)
    }

    fn read(bytes: &[u8], columns: usize) -> Result<Vec<Vec<f32>>, String> {
        rows(bytes, Path::new("x.npy"), columns, Missing::Refused).map_err(|e| e.to_string())
    }

    #[test]
    fn numbers_of_every_kind() {
        let expected = [[1.0, 2.0], [3.0, 4.0]];
        let little: [(&str, Vec<u8>); 11] = [
            ("<f4", [1f32, 2., 3., 4.].map(f32::to_le_bytes).concat()),
            ("<f8", [1f64, 2., 3., 4.].map(f64::to_le_bytes).concat()),
            (">f8", [1f64, 2., 3., 4.].map(f64::to_be_bytes).concat()),
            (">f4", [1f32, 2., 3., 4.].map(f32::to_be_bytes).concat()),
            ("|i1", vec![1, 2, 3, 4]),
            ("|u1", vec![1, 2, 3, 4]),
            ("<i2", [1i16, 2, 3, 4].map(i16::to_le_bytes).concat()),
            (">u2", [1u16, 2, 3, 4].map(u16::to_be_bytes).concat()),
            ("<i4", [1i32, 2, 3, 4].map(i32::to_le_bytes).concat()),
            ("<i8", [1i64, 2, 3, 4].map(i64::to_le_bytes).concat()),
            (">u8", [1u64, 2, 3, 4].map(u64::to_be_bytes).concat()),
        ];
        for (descr, data) in &little {
            for shape in ["(2, 2)", "(2, 1, 2)", "(2,2,)"] {
                assert_eq!(
                    read(&array(descr, "False", shape, data), 2).unwrap(),
                    expected,
                    "{descr}"
                );
            }
            // One row, whatever its shape.
            for shape in ["(4,)", "(2, 2)", "(1, 4)"] {
                let found = read(&array(descr, "False", shape, data), 4).unwrap();
                assert_eq!(found, [[1.0, 2.0, 3.0, 4.0]], "{descr} {shape}");
            }
        }
        let half = [1f32, 2., 3., 4.]
            .map(|x| half::f16::from_f32(x).to_le_bytes())
            .concat();
        assert_eq!(
            read(&array("<f2", "False", "(2, 2)", &half), 2).unwrap(),
            expected
        );
        assert_eq!(
            read(&array("|b1", "False", "(2,)", &[1, 0]), 2).unwrap(),
            [[1.0, 0.0]]
        );
        for version in [2, 3] {
            let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}";
            assert_eq!(
                read(&file(version, header, &[1, 2, 3, 4]), 2).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn fortran_order_is_the_array_s_own() {
        // np.asfortranarray([[1, 2, 3], [4, 5, 6]])
        let columns = array("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]);
        assert_eq!(
            read(&columns, 3).unwrap(),
            [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        );
        // np.asfortranarray(np.arange(1, 9).reshape(2, 2, 2))
        let cube = array("|u1", "True", "(2, 2, 2)", &[1, 5, 3, 7, 2, 6, 4, 8]);
        assert_eq!(
            read(&cube, 4).unwrap(),
            [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
        );
    }

    #[test]
    fn refusals_say_what_and_where() {
        let nan = [1.0, f32::NAN, 3.0, 4.0].map(f32::to_le_bytes).concat();
        let missing = array("<f4", "False", "(2, 2)", &nan);
        assert!(read(&missing, 2).unwrap_err().contains("line 1, column 2"));
        let allowed = rows(&missing, Path::new("x"), 2, Missing::Allowed).unwrap();
        assert!(allowed[0][1].is_nan());
        let large = array(
            "<f8",
            "False",
            "(2,)",
            &[1e300f64; 2].map(f64::to_le_bytes).concat(),
        );
        assert!(read(&large, 2).unwrap_err().contains("line 1, column 1"));
        let four = [1, 2, 3, 4];
        for (bytes, expected) in [
            (
                array("|u1", "False", "(2, 2)", &four),
                "expected (rows, …) with 3 numbers",
            ),
            (
                array("|u1", "False", "()", &[1]),
                "expected (rows, …) with 3 numbers",
            ),
            (
                array("|u1", "False", "(0, 3)", &[]),
                "expected (rows, …) with 3 numbers",
            ),
            (array("|u1", "False", "(2, 3)", &four), "cut off"),
            (array("|u1", "False", "(1, 3)", &four), "longer"),
            (
                array("|u1", "False", "(4294967296, 4294967296, 3)", &four),
                "cut off",
            ),
            (
                array("<f8", "False", "(2305843009213693952, 1)", &four),
                "cut off",
            ),
            (
                array("|O", "False", "(2, 2)", &four),
                "\"O\", expected floats",
            ),
            (
                array("<U3", "False", "(2, 2)", &four),
                "\"U3\", expected floats",
            ),
            (
                array("<c8", "False", "(2, 2)", &four),
                "\"c8\", expected floats",
            ),
            (
                array("|u1", "Maybe", "(2, 2)", &four),
                "the array's header is",
            ),
            (
                array("|u1", "False", "(2, -2)", &four),
                "the array's header is",
            ),
            (
                array("|u1", "False", &format!("({})", "1,".repeat(65)), &four),
                "the array's header is",
            ),
            (
                file(
                    1,
                    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
                    &four,
                ),
                "one type of numbers",
            ),
            (
                file(
                    1,
                    "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (4,)}",
                    &four,
                ),
                "the array's header",
            ),
            (
                file(1, "{'descr': '|u1', 'shape': (4,)}", &four),
                "the array's header is",
            ),
            (file(4, "", &four), "version 4"),
            (file(2, &"{".repeat(20_000), &[]), "a header of 20000 bytes"),
            (NPY.to_vec(), "cut off"),
            (
                array("|u1", "False", "(4,)", &four)[..40].to_vec(),
                "cut off",
            ),
        ] {
            let error = read(&bytes, 3).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
