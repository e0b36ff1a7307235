//! Points from bytes, checked: reduced coordinates, on the curve, not infinity.
//!
//! Two encodings: *raw* (halo2, snarkjs), coordinates in Montgomery form, little-endian; and *ark* (ark-serialize
//! uncompressed), coordinates in canonical form, little-endian, with two flags in the top bits of the last byte (bit 7: y
//! is the larger of ±y; bit 6: infinity). G1 takes 64 bytes, G2 128 (each coordinate as `c0`, `c1`).

use std::io::Read;

use halo2_base::halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fq2, G1Affine, G2, G2Affine},
    ff::PrimeField,
    group::{cofactor::CofactorGroup, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use rayon::prelude::*;

use super::error::{PointList, SrsError};

/// Bytes of a G1 point.
pub(super) const G1_BYTES: usize = 64;
/// Bytes of a G2 point.
pub(super) const G2_BYTES: usize = 128;
/// Points read at once: 1 MiB.
pub(super) const CHUNK: usize = 1 << 14;

/// How coordinates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Montgomery form.
    Raw,
    /// Canonical form with flags.
    Ark,
}

/// Reads `count` G1 points; memory grows with the points read, never with an announced number.
pub(super) fn read_g1(
    reader: &mut impl Read,
    count: usize,
    encoding: Encoding,
    list: PointList,
) -> Result<Vec<G1Affine>, SrsError> {
    let mut points = Vec::new();
    let mut buffer = vec![0u8; CHUNK.min(count) * G1_BYTES];
    while points.len() < count {
        let (from, length) = (points.len(), CHUNK.min(count - points.len()));
        let bytes = buffer.get_mut(..length * G1_BYTES).unwrap_or_default();
        reader
            .read_exact(bytes)
            .map_err(SrsError::io("read G1 points"))?;
        let chunk: Vec<_> = bytes
            .par_chunks_exact(G1_BYTES)
            .enumerate()
            .map(|(index, bytes)| g1(bytes, encoding, list, from + index))
            .collect();
        // One after another, so that the first bad point is the one named, whichever was found first.
        for point in chunk {
            points.push(point?);
        }
    }
    Ok(points)
}

/// The raw encoding of some points.
pub(super) fn raw_bytes(points: &[G1Affine]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(points.len() * G1_BYTES);
    points
        .iter()
        .for_each(|point| bytes.extend(point.to_raw_bytes()));
    bytes
}

/// What [`read_g1`] checks, of points at hand.
pub(super) fn check_g1(points: &[G1Affine], list: PointList) -> Result<(), SrsError> {
    let first = points
        .par_iter()
        .enumerate()
        .filter_map(|(index, point)| g1(&point.to_raw_bytes(), Encoding::Raw, list, index).err())
        .find_first(|_| true);
    first.map_or(Ok(()), Err)
}

/// Reads one G2 point; the subgroup is checked too.
pub(super) fn read_g2(
    reader: &mut impl Read,
    encoding: Encoding,
    index: usize,
) -> Result<G2Affine, SrsError> {
    let mut bytes = [0u8; G2_BYTES];
    reader
        .read_exact(&mut bytes)
        .map_err(SrsError::io("read G2 points"))?;
    g2(&bytes, encoding, index)
}

fn g1(
    bytes: &[u8],
    encoding: Encoding,
    list: PointList,
    index: usize,
) -> Result<G1Affine, SrsError> {
    let (x, y) = bytes
        .split_at_checked(32)
        .ok_or(SrsError::NotCanonical { list, index })?;
    let (x, y) = match encoding {
        Encoding::Raw => (Fq::from_raw_bytes(x), Fq::from_raw_bytes(y)),
        Encoding::Ark => {
            let (y, flags) = without_flags(y);
            let (x, y) = (canonical(x), canonical(&y));
            if let Some(y) = y {
                check_flags(flags, larger(&y, &-y), list, index)?;
            }
            (x, y)
        }
    };
    let (x, y) = x.zip(y).ok_or(SrsError::NotCanonical { list, index })?;
    on_curve(G1Affine::from_xy(x, y).into(), list, index)
}

fn g2(bytes: &[u8; G2_BYTES], encoding: Encoding, index: usize) -> Result<G2Affine, SrsError> {
    let list = PointList::G2;
    let (x, y) = bytes.split_at(64);
    let (x, y) = match encoding {
        Encoding::Raw => (Fq2::from_raw_bytes(x), Fq2::from_raw_bytes(y)),
        Encoding::Ark => {
            let (y, flags) = without_flags(y);
            let (x, y) = (canonical2(x), canonical2(&y));
            if let Some(y) = y {
                let negative = if y.c1 == -y.c1 {
                    larger(&y.c0, &-y.c0)
                } else {
                    larger(&y.c1, &-y.c1)
                };
                check_flags(flags, negative, list, index)?;
            }
            (x, y)
        }
    };
    let (x, y) = x.zip(y).ok_or(SrsError::NotCanonical { list, index })?;
    let point: G2Affine = on_curve(G2Affine::from_xy(x, y).into(), list, index)?;
    if !bool::from(G2::from(point).is_torsion_free()) {
        return Err(SrsError::NotInSubgroup { list, index });
    }
    Ok(point)
}

fn on_curve<C: PrimeCurveAffine>(
    point: Option<C>,
    list: PointList,
    index: usize,
) -> Result<C, SrsError> {
    let point = point.ok_or(SrsError::NotOnCurve { list, index })?;
    // halo2curves writes infinity as (0, 0), which it takes for a point of the curve.
    if bool::from(point.is_identity()) {
        return Err(SrsError::Infinity { list, index });
    }
    Ok(point)
}

fn check_flags(flags: u8, negative: bool, list: PointList, index: usize) -> Result<(), SrsError> {
    match flags {
        0x40 | 0xc0 => Err(SrsError::Infinity { list, index }),
        flags if (flags == 0x80) == negative => Ok(()),
        _ => Err(SrsError::Flags { list, index }),
    }
}

/// The bytes with the two top bits of the last one taken out.
fn without_flags(bytes: &[u8]) -> (Vec<u8>, u8) {
    let mut bytes = bytes.to_vec();
    let mut flags = 0;
    if let Some(last) = bytes.last_mut() {
        flags = *last & 0xc0;
        *last &= 0x3f;
    }
    (bytes, flags)
}

fn canonical(bytes: &[u8]) -> Option<Fq> {
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Fq::from_repr(bytes).into()
}

fn canonical2(bytes: &[u8]) -> Option<Fq2> {
    let (c0, c1) = bytes.split_at_checked(32)?;
    Some(Fq2 {
        c0: canonical(c0)?,
        c1: canonical(c1)?,
    })
}

/// Whether `a > b` as integers.
fn larger(a: &Fq, b: &Fq) -> bool {
    a.to_repr().iter().rev().gt(b.to_repr().iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::halo2curves::ff::Field;
    use rand::{SeedableRng, rngs::StdRng};

    const LIST: PointList = PointList::Powers;

    #[test]
    fn refusals_name_the_point() {
        let good = G1Affine::generator().to_raw_bytes();
        assert!(g1(&good, Encoding::Raw, LIST, 3).is_ok());
        let modulus = [0xffu8; 32];
        let unreduced = [&modulus[..], &good[32..]].concat();
        assert!(matches!(
            g1(&unreduced, Encoding::Raw, LIST, 3),
            Err(SrsError::NotCanonical { index: 3, .. })
        ));
        let mut off = good.clone();
        off[0] ^= 1;
        assert!(matches!(
            g1(&off, Encoding::Raw, LIST, 3),
            Err(SrsError::NotOnCurve { index: 3, .. })
        ));
        assert!(matches!(
            g1(&[0; 64], Encoding::Raw, LIST, 3),
            Err(SrsError::Infinity { index: 3, .. })
        ));
    }

    #[test]
    fn ark_flags_are_checked() {
        let point = G1Affine::generator();
        let mut bytes = [point.x.to_repr(), point.y.to_repr()].concat();
        assert!(g1(&bytes, Encoding::Ark, LIST, 0).is_ok());
        bytes[63] |= 0x80;
        assert!(matches!(
            g1(&bytes, Encoding::Ark, LIST, 0),
            Err(SrsError::Flags { .. })
        ));
        bytes[63] = (bytes[63] & 0x3f) | 0x40;
        assert!(matches!(
            g1(&bytes, Encoding::Ark, LIST, 0),
            Err(SrsError::Infinity { .. })
        ));
    }

    #[test]
    fn g2_outside_of_the_subgroup_is_refused() {
        // A random point of the twist is outside of the subgroup of order r (cofactor of 254 bits).
        let mut rng = StdRng::seed_from_u64(6);
        let point = std::iter::repeat_with(|| Fq2 {
            c0: Fq::random(&mut rng),
            c1: Fq::random(&mut rng),
        })
        .find_map(|x| {
            let y = Option::<Fq2>::from((x * x * x + G2Affine::b()).sqrt())?;
            Option::<G2Affine>::from(G2Affine::from_xy(x, y))
        })
        .unwrap();
        let bytes: [u8; G2_BYTES] = point.to_raw_bytes().try_into().unwrap();
        assert!(matches!(
            g2(&bytes, Encoding::Raw, 1),
            Err(SrsError::NotInSubgroup { index: 1, .. })
        ));
    }

    #[test]
    fn a_count_beyond_the_file_reads_no_more_than_the_file() {
        let mut reader = &[0u8; 10][..];
        assert!(matches!(
            read_g1(&mut reader, usize::MAX / 128, Encoding::Raw, LIST),
            Err(SrsError::Io { .. })
        ));
    }
}
