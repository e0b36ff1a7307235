//! Files that are written and read piece by piece: weights are not held in memory beside their bytes.

use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use laminate_engine::switch::on;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{ArtifactError, HEADER, Header, Kind, begin, header_of};

/// Encodes a value as a whole file piece by piece: nothing of it is held in memory twice.
///
/// # Errors
/// [`ArtifactError::Encode`], also if `out` cannot be written.
pub fn write<T: Serialize>(
    kind: Kind,
    development: bool,
    value: &T,
    out: &mut (impl Write + Seek),
) -> Result<(), ArtifactError> {
    let failed = |problem: String| ArtifactError::Encode {
        kind: kind.name(),
        problem,
    };
    let mut length = Counter(0);
    postcard::to_io(value, &mut length).map_err(|e| failed(e.to_string()))?;
    let mut written = Ok(());
    let mut payload = |hasher: &mut Sha256| -> Result<(), String> {
        let placed = out.write_all(&[0; HEADER]);
        placed.map_err(|e| e.to_string())?;
        let mut both = Hashed {
            hasher,
            inner: &mut *out,
        };
        let mut buffered = BufWriter::with_capacity(BUFFER, &mut both);
        postcard::to_io(value, &mut buffered).map_err(|e| e.to_string())?;
        buffered.flush().map_err(|e| e.to_string())
    };
    let head = header_of(kind, development, length.0, |hasher| {
        written = payload(hasher);
    });
    written.map_err(&failed)?;
    let finish = |out: &mut dyn WriteSeek| {
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&head)?;
        out.seek(SeekFrom::End(0)).map(|_| ())
    };
    finish(out).map_err(|e| failed(e.to_string()))
}

/// Decodes a whole file piece by piece, after its digest was checked; nothing of it is held in memory but
/// the value.
///
/// # Errors
/// Any [`ArtifactError`].
pub fn read<T: DeserializeOwned>(
    kind: Kind,
    file: &mut (impl Read + Seek),
) -> Result<(Header, T), ArtifactError> {
    let failed = |problem: String| ArtifactError::Decode {
        kind: kind.name(),
        problem,
    };
    let io = |e: std::io::Error| failed(e.to_string());
    let mut head = vec![];
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    file.by_ref()
        .take(HEADER as u64)
        .read_to_end(&mut head)
        .map_err(io)?;
    let (header, before) = begin(kind, &head)?;
    // Once for the digest, once more while it is decoded: the file may change in between.
    let mut check = |reader: &mut dyn FnMut(&mut dyn Read) -> Result<(), ArtifactError>| {
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(io)?;
        let mut counted = Hashed {
            hasher: &mut before.clone(),
            inner: Counted {
                inner: &mut *file,
                count: 0,
            },
        };
        reader(&mut counted)?;
        std::io::copy(&mut counted, &mut std::io::sink()).map_err(io)?;
        let found = counted.inner.count;
        if found != header.length && on("length of a file that is streamed") {
            return Err(ArtifactError::Length {
                kind: kind.name(),
                found: found.saturating_add(HEADER as u64),
                expected: header.length.saturating_add(HEADER as u64),
            });
        }
        let digest = <[u8; 32]>::from(counted.hasher.clone().finalize());
        if digest != header.digest && on("digest of a file that is streamed") {
            return Err(ArtifactError::Digest { kind: kind.name() });
        }
        Ok(())
    };
    check(&mut |_| Ok(()))?;
    let mut value = None;
    check(&mut |reader| {
        let reader = BufReader::with_capacity(BUFFER, reader);
        let (read, (mut rest, _)) =
            postcard::from_io((reader, &mut [])).map_err(|e| failed(e.to_string()))?;
        let left = std::io::copy(&mut rest, &mut std::io::sink()).map_err(io)?;
        if left > 0 && on("bytes left over in a file that is streamed") {
            return Err(failed(format!("{left} bytes left over")));
        }
        value = Some(read);
        Ok(())
    })?;
    let value = value.ok_or_else(|| failed("nothing in it".into()))?;
    Ok((header, value))
}

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 16;

trait WriteSeek: Write + Seek {}

impl<T: Write + Seek> WriteSeek for T {}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// Hashes what goes through.
struct Hashed<'h, I> {
    hasher: &'h mut Sha256,
    inner: I,
}

impl<I: Write> Write for Hashed<'_, I> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<I: Read> Read for Hashed<'_, I> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(bytes.get(..read).unwrap_or(&[]));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode, read_header};
    use super::*;

    /// What is written and read piece by piece is what is encoded and decoded at once, and refused alike.
    #[test]
    fn pieces_are_the_whole() {
        let value: Vec<u32> = (0..100_000).map(|i| i * i % 1_000_003).collect();
        let bytes = encode(Kind::Weights, true, &value).unwrap();
        let mut file = std::io::Cursor::new(vec![]);
        write(Kind::Weights, true, &value, &mut file).unwrap();
        assert!(file.get_ref() == &bytes);
        let (header, found): (_, Vec<u32>) = read(Kind::Weights, &mut file).unwrap();
        assert!(found == value && header == read_header(&bytes).unwrap());
        let refused = |bytes: &[u8]| {
            let mut file = std::io::Cursor::new(bytes.to_vec());
            let pieces = read::<Vec<u32>>(Kind::Weights, &mut file).unwrap_err();
            let whole = decode::<Vec<u32>>(Kind::Weights, bytes).unwrap_err();
            match (&pieces, &whole) {
                // The one counts values, the other tells what is wrong with them.
                (ArtifactError::Decode { .. }, ArtifactError::Decode { .. }) => {}
                _ => assert_eq!(pieces, whole),
            }
        };
        let longer = [bytes.as_slice(), &[0]].concat();
        refused(&longer);
        for cut in [0, 7, 30, HEADER - 1, HEADER, HEADER + 1, bytes.len() - 1] {
            refused(&bytes[..cut]);
        }
        for flip in [
            0,
            9,
            12,
            14,
            15,
            16,
            24,
            55,
            HEADER,
            70_000,
            bytes.len() - 1,
        ] {
            let mut altered = bytes.clone();
            altered[flip] ^= 1;
            refused(&altered);
        }
        for payload in [&[1, 2, 3][..], &[2, 1], &[0xff; 12]] {
            let head = super::super::header(Kind::Weights, false, payload);
            refused(&[head.as_slice(), payload].concat());
        }
    }
}
