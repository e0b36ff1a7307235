//! Rows from `.npz`, a ZIP archive of one `.npy` file, stored (`np.savez`) or deflated (`np.savez_compressed`).
//!
//! What the central directory says counts; of a local header only its length is read, as its sizes may be left out. Nothing
//! is unpacked beyond [`MAX_FILE`].

use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{MAX_FILE, Missing, RowsError, npy};

/// How an archive begins.
pub const NPZ: &[u8] = b"PK\x03\x04";
/// How its central directory and the end of that begin.
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Bytes of a local header, of an entry and of the end, without what is of any length.
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// Longest comment behind the end.
const MAX_COMMENT: usize = 0xffff;

/// What the directory says of the one file.
struct Entry<'a> {
    deflated: bool,
    checksum: u32,
    /// Its bytes in the archive.
    packed: &'a [u8],
}

/// Rows of `columns` numbers from the one array of an archive.
///
/// # Errors
/// [`RowsError`] if the archive is damaged or has another number of arrays, and as [`npy::rows`].
pub fn rows(
    bytes: &[u8],
    path: &Path,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f32>>, RowsError> {
    let array = array(bytes).map_err(|problem| RowsError::Format {
        path: path.to_path_buf(),
        problem,
    })?;
    let Some(array) = array else {
        return Err(RowsError::TooLarge {
            path: path.to_path_buf(),
            limit: MAX_FILE,
        });
    };
    npy::rows(&array, path, columns, missing)
}

/// The array's file; none if it is too large.
fn array(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let entry = entry(bytes)?;
    let mut array = vec![];
    // Whatever size the archive states.
    let limit = MAX_FILE + 1;
    let read = match entry.deflated {
        true => DeflateDecoder::new(entry.packed)
            .take(limit)
            .read_to_end(&mut array),
        false => entry.packed.take(limit).read_to_end(&mut array),
    };
    read.map_err(|e| format!("a damaged archive of NumPy: {e}"))?;
    if array.len() as u64 > MAX_FILE {
        return Ok(None);
    }
    let mut crc = Crc::new();
    crc.update(&array);
    match crc.sum() == entry.checksum {
        true => Ok(Some(array)),
        false => Err("a damaged archive of NumPy: the array's checksum is another one".into()),
    }
}

/// The one entry of the directory.
fn entry(bytes: &[u8]) -> Result<Entry<'_>, String> {
    let damaged = || "a damaged archive of NumPy: cut off, or no ZIP archive".to_owned();
    let latest = bytes.len().checked_sub(END_LEN).ok_or_else(damaged)?;
    let earliest = latest.saturating_sub(MAX_COMMENT);
    let end = (earliest..=latest)
        .rev()
        .find(|at| bytes[*at..].starts_with(END));
    let end = end.and_then(|at| bytes.get(at..)).ok_or_else(damaged)?;
    let count = short(end, 10).ok_or_else(damaged)?;
    let mut directory = word(end, 16)
        .and_then(|at| bytes.get(at as usize..))
        .ok_or_else(damaged)?;
    if count != 1 {
        let mut names = vec![];
        while names.len() < usize::from(count.min(8)) && directory.starts_with(CENTRAL) {
            let (name, rest) = named(directory).ok_or_else(damaged)?;
            names.push(
                String::from_utf8_lossy(name)
                    .chars()
                    .take(40)
                    .collect::<String>(),
            );
            directory = rest;
        }
        return Err(format!(
            "an archive of {count} arrays ({}), expected one; of a model with several inputs put them one behind the other: np.savez(FILE, np.concatenate([a.reshape(len(a), -1), b.reshape(len(b), -1)], axis=1))",
            names.join(", ")
        ));
    }
    let field = |at| word(directory, at).filter(|_| directory.starts_with(CENTRAL));
    let method = short(directory, 10).ok_or_else(damaged)?;
    if !matches!(method, 0 | 8) || short(directory, 8).is_none_or(|flags| flags & 1 != 0) {
        return Err(format!(
            "an archive that is encrypted or packed by method {method}, expected one as np.savez or np.savez_compressed writes it"
        ));
    }
    let (checksum, size) = (
        field(16).ok_or_else(damaged)?,
        field(20).ok_or_else(damaged)?,
    );
    let local = field(42).and_then(|at| bytes.get(at as usize..));
    let local = local
        .filter(|local| local.starts_with(NPZ))
        .ok_or_else(damaged)?;
    let names = short(local, 26).zip(short(local, 28)).ok_or_else(damaged)?;
    let start = LOCAL_LEN + usize::from(names.0) + usize::from(names.1);
    let packed = local
        .get(start..)
        .and_then(|rest| rest.get(..size as usize));
    Ok(Entry {
        deflated: method == 8,
        checksum,
        packed: packed.ok_or_else(damaged)?,
    })
}

/// Name of an entry, and what is behind it.
fn named(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let [name, extra, comment] = [28, 30, 32].map(|at| short(entry, at).map(usize::from));
    let name_end = CENTRAL_LEN + name?;
    let rest = entry.get(name_end + extra? + comment?..)?;
    Some((entry.get(CENTRAL_LEN..name_end)?, rest))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let found = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*found))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*found))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        rows(bytes, Path::new("x.npz"), 2, Missing::Refused).map_err(|e| e.to_string())
    }

    /// What NumPy 2.4 writes of `np.array([[1, 2], [3, 4]], np.uint8)`.
    #[test]
    fn archives_of_numpy() {
        for text in [STORED, DEFLATED] {
            let digits: String = text.split_whitespace().collect();
            let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let whole: Vec<u8> = (0..digits.len()).step_by(2).map(digit).collect();
            assert_eq!(read(&whole).unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
            for len in 0..whole.len() {
                assert!(read(&whole[..len]).is_err(), "{len} bytes");
            }
            // Every byte that is altered is noticed, or says nothing of the array.
            for at in 0..whole.len() {
                let mut other = whole.clone();
                other[at] ^= 0x15;
                if let Ok(found) = read(&other) {
                    assert_eq!(found, [[1.0, 2.0], [3.0, 4.0]], "byte {at}");
                }
            }
        }
    }

    /// An archive of files that are deflated.
    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut out, mut directory) = (vec![], vec![]);
        for (name, bytes) in members {
            let mut encoder = DeflateEncoder::new(vec![], Compression::fast());
            encoder.write_all(bytes).unwrap();
            let packed = encoder.finish().unwrap();
            let mut crc = Crc::new();
            crc.update(bytes);
            let sizes = [crc.sum(), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes);
            let len = (name.len() as u16).to_le_bytes();
            let offset = (out.len() as u32).to_le_bytes();
            let common = [
                &[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..],
                &sizes.concat(),
                &len,
                &[0, 0],
            ]
            .concat();
            out.extend([NPZ, &common, name.as_bytes(), &packed].concat());
            let entry = [
                CENTRAL,
                &[20, 0],
                &common,
                &[0; 10],
                &offset,
                name.as_bytes(),
            ];
            directory.extend(entry.concat());
        }
        let count = (members.len() as u16).to_le_bytes();
        let [len, start] = [directory.len(), out.len()].map(|n| (n as u32).to_le_bytes());
        let end = [END, &[0; 4], &count, &count, &len, &start, &[0, 0]].concat();
        [out, directory, end].concat()
    }

    #[test]
    fn one_array_is_expected() {
        let two = read(&archive(&[("a.npy", b"1"), ("b.npy", b"2")])).unwrap_err();
        assert!(
            two.contains("2 arrays (a.npy, b.npy), expected one"),
            "{two}"
        );
        assert!(read(&archive(&[])).unwrap_err().contains("0 arrays"));
        assert!(
            read(&archive(&[("a.txt", b"1")]))
                .unwrap_err()
                .contains("header is cut off")
        );
        let mut other = archive(&[("a.npy", b"1")]);
        let at = other.windows(4).position(|w| w == CENTRAL).unwrap();
        other[at + 10] = 12;
        assert!(read(&other).unwrap_err().contains("packed by method 12"));
    }

    /// A small file that would unpack to more than is read.
    #[test]
    fn nothing_is_unpacked_beyond_the_limit() {
        let bomb = archive(&[("a.npy", &vec![0; MAX_FILE as usize + 1])]);
        assert!(bomb.len() < 1 << 22);
        let found = rows(&bomb, Path::new("x.npz"), 2, Missing::Refused);
        assert!(matches!(found, Err(RowsError::TooLarge { .. })));
    }

    const STORED: &str = "
        504b03042d000000000000002100825f58ebffffffffffffffff090014006172725f302e6e7079010010008400000000
        0000008400000000000000934e554d5059010076007b276465736372273a20277c7531272c2027666f727472616e5f6f
        72646572273a2046616c73652c20277368617065273a2028322c2032292c207d20202020202020202020202020202020
        2020202020202020202020202020202020202020202020202020202020202020202020202020202020200a0102030450
        4b01022d032d000000000000002100825f58eb8400000084000000090000000000000000000000800100000000617272
        5f302e6e7079504b0506000000000100010037000000bf0000000000";
    const DEFLATED: &str = "
        504b03042d000000080000002100825f58ebffffffffffffffff090014006172725f302e6e7079010010008400000000
        0000004a000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e536aa8aea3a09e965f54529498179f
        5f94920a12774bcc294e058a17672416a402f91a463a0a469a3a0ab50a64032e4626661600504b01022d032d00000008
        0000002100825f58eb4a000000840000000900000000000000000000008001000000006172725f302e6e7079504b0506
        000000000100010037000000850000000000";
}
