//! halo2's raw parameter file (`ParamsKZG::write`): `k` (u32 little-endian), 2^k powers, 2^k Lagrange points, `G2`, `τ·G2`.
//!
//! halo2's own reader allocates by the `k` of the file and checks neither curve nor Lagrange basis. Here `k` is bounded and the
//! size of the file must follow from it before anything is allocated.

use std::io::Read;

use super::{
    Parts,
    error::{PointList, SrsError, bounded_k},
    points::{Encoding, G1_BYTES, G2_BYTES, read_g1, read_g2},
};

const FORMAT: &str = "halo2 raw parameters";

/// Size of a file for 2^`k` powers.
pub(super) fn file_size(k: u32) -> u64 {
    4 + ((2 * G1_BYTES as u64) << k) + 2 * G2_BYTES as u64
}

/// Reads the whole file of `size` bytes.
pub(super) fn read(reader: &mut impl Read, size: u64) -> Result<Parts, SrsError> {
    let mut header = [0u8; 4];
    reader
        .read_exact(&mut header)
        .map_err(SrsError::io("read the header"))?;
    let k = bounded_k(
        "the header of the halo2 raw parameters",
        u32::from_le_bytes(header).into(),
    )?;
    if size != file_size(k) {
        return Err(SrsError::FileSize {
            format: FORMAT,
            expected: file_size(k),
            found: size,
        });
    }
    let g = read_g1(reader, 1 << k, Encoding::Raw, PointList::Powers)?;
    let g_lagrange = read_g1(reader, 1 << k, Encoding::Raw, PointList::Lagrange)?;
    let g2 = read_g2(reader, Encoding::Raw, 0)?;
    let s_g2 = read_g2(reader, Encoding::Raw, 1)?;
    Ok(Parts {
        k,
        g,
        g_lagrange,
        g2,
        s_g2,
    })
}
