//! The Aztec Ignition string as `ark-srs` keeps it (ark-serialize, uncompressed): `u64 n`, n G1 powers, `u64 0`, `G2`, `τ·G2`, `u64 0`.
//!
//! `n` may exceed a power of two (32,769 in the published file): the largest 2^k powers are taken and their Lagrange basis is computed.

use std::io::Read;

use super::{
    MAX_LAGRANGE_K, Parts,
    error::{PointList, SrsError, bounded_k},
    lagrange,
    points::{Encoding, G1_BYTES, G2_BYTES, read_g1, read_g2},
};

const FORMAT: &str = "Ignition ark file";

/// Size of a file with `n` powers, none where it overflows.
pub(super) fn file_size(n: u64) -> Option<u64> {
    n.checked_mul(G1_BYTES as u64)?
        .checked_add(3 * 8 + 2 * G2_BYTES as u64)
}

/// Reads the whole file of `size` bytes; `k` cuts the string.
pub(super) fn read(reader: &mut impl Read, size: u64, k: Option<u32>) -> Result<Parts, SrsError> {
    let n = read_u64(reader)?;
    let whole = bounded_k(
        "the number of powers of the Ignition file",
        u64::from(n.checked_ilog2().unwrap_or(0)),
    )?;
    let expected = file_size(n).unwrap_or(u64::MAX);
    if size != expected {
        return Err(SrsError::FileSize {
            format: FORMAT,
            expected,
            found: size,
        });
    }
    let k = match k {
        Some(needed) if needed > whole => {
            return Err(SrsError::TooSmall {
                needed,
                found: whole,
            });
        }
        Some(needed) => needed,
        None => whole,
    };
    let count = usize::try_from(n).map_err(|_| SrsError::KOutOfRange {
        place: "n",
        found: n,
    })?;
    let mut g = read_g1(reader, count, Encoding::Ark, PointList::Powers)?;
    separator(reader, "the number before the G2 points")?;
    let g2 = read_g2(reader, Encoding::Ark, 0)?;
    let s_g2 = read_g2(reader, Encoding::Ark, 1)?;
    separator(reader, "the number after the G2 points")?;
    g.truncate(1 << k);
    let g_lagrange = if k > MAX_LAGRANGE_K {
        vec![]
    } else {
        lagrange::from_powers(&g, k)
    };
    Ok(Parts {
        k,
        g,
        g_lagrange,
        g2,
        s_g2,
    })
}

fn read_u64(reader: &mut impl Read) -> Result<u64, SrsError> {
    let mut bytes = [0u8; 8];
    reader
        .read_exact(&mut bytes)
        .map_err(SrsError::io("read a length"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn separator(reader: &mut impl Read, field: &'static str) -> Result<(), SrsError> {
    match read_u64(reader)? {
        0 => Ok(()),
        other => Err(SrsError::Header {
            format: FORMAT,
            field,
            expected: "0".into(),
            found: other.to_string(),
        }),
    }
}
