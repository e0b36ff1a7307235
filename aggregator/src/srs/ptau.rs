//! snarkjs's `.ptau`: `"ptau"`, version, sections. Points in Montgomery form, as halo2's raw ones.
//!
//! Used: section 1 (field, power), 2 (`τ^i·G1`, 2^(power+1) − 1 of them), 3 (`τ^i·G2`) and, where the file is prepared for
//! phase 2, 12 (Lagrange bases of every size). snarkjs's roots of unity are powers of 5 where halo2's are of 7, so its
//! Lagrange basis is halo2's in another order, which saves the Fourier transform over G1; the order is found from the roots, and
//! the result is checked against the powers like any other.

use std::io::{Read, Seek, SeekFrom};

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1Affine},
    ff::{Field, PrimeField},
};

use super::{
    MAX_K, MAX_LAGRANGE_K, Parts,
    dev::root_of_unity,
    error::{PointList, SrsError, bounded_k},
    lagrange,
    points::{Encoding, G1_BYTES, G2_BYTES, read_g1, read_g2},
};

const FORMAT: &str = ".ptau";
/// First bytes.
pub(super) const MAGIC: &[u8; 4] = b"ptau";
/// The format has sections 1 to 15.
const MAX_SECTIONS: u32 = 32;
/// Largest power of the format for BN254 (the 2-adicity of its scalar field).
const MAX_POWER: u32 = 28;
/// BN254's base field modulus, little-endian.
const MODULUS: [u8; 32] = [
    0x47, 0xfd, 0x7c, 0xd8, 0x16, 0x8c, 0x20, 0x3c, 0x8d, 0xca, 0x71, 0x68, 0x91, 0x6a, 0x81, 0x97,
    0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];

/// Where a section's content lies.
#[derive(Clone, Copy)]
struct Section {
    at: u64,
    size: u64,
}

/// Sections by number.
struct Sections([Option<Section>; MAX_SECTIONS as usize]);

impl Sections {
    fn find(&self, number: usize) -> Option<Section> {
        self.0.get(number).copied().flatten()
    }

    /// A section that must be there, with a size that follows from the header.
    fn require(&self, number: usize, field: &'static str, size: u64) -> Result<Section, SrsError> {
        let found = self.find(number).map_or(0, |section| section.size);
        self.find(number)
            .filter(|section| section.size == size)
            .ok_or_else(|| SrsError::Header {
                format: FORMAT,
                field,
                expected: format!("{size} bytes"),
                found: format!("{found} bytes"),
            })
    }
}

/// Reads the first 2^k powers of the file of `size` bytes; all it has, up to 2^[`MAX_K`], where `k` is not given.
pub(super) fn read(
    reader: &mut (impl Read + Seek),
    size: u64,
    k: Option<u32>,
) -> Result<Parts, SrsError> {
    let sections = read_sections(reader, size)?;
    let power = read_power(
        reader,
        sections.require(1, "size of section 1 (header)", 44)?,
    )?;
    let whole = power.min(MAX_K);
    let k = match k {
        Some(needed) if needed > whole => {
            return Err(SrsError::TooSmall {
                needed,
                found: whole,
            });
        }
        Some(needed) => needed,
        None => bounded_k("the header of the .ptau", whole.into())?,
    };
    let powers = sections.require(
        2,
        "size of section 2 (tauG1)",
        G1_BYTES as u64 * ((2 << power) - 1),
    )?;
    let powers_g2 = sections.require(3, "size of section 3 (tauG2)", (G2_BYTES as u64) << power)?;
    seek(reader, powers.at)?;
    let g = read_g1(reader, 1 << k, Encoding::Raw, PointList::Powers)?;
    seek(reader, powers_g2.at)?;
    let g2 = read_g2(reader, Encoding::Raw, 0)?;
    let s_g2 = read_g2(reader, Encoding::Raw, 1)?;
    // Bases of the sizes 2^0, 2^1, … one after another.
    let (skip, end) = ((1u64 << k) - 1, (2u64 << k) - 1);
    let bases = sections
        .find(12)
        .filter(|section| section.size >= G1_BYTES as u64 * end);
    let g_lagrange = match bases {
        _ if k > MAX_LAGRANGE_K => vec![],
        Some(bases) => {
            seek(reader, bases.at + G1_BYTES as u64 * skip)?;
            reorder(
                &read_g1(reader, 1 << k, Encoding::Raw, PointList::Lagrange)?,
                k,
            )
        }
        None => lagrange::from_powers(&g, k),
    };
    Ok(Parts {
        k,
        g,
        g_lagrange,
        g2,
        s_g2,
    })
}

fn read_sections(reader: &mut (impl Read + Seek), size: u64) -> Result<Sections, SrsError> {
    let header = |field, expected: &str, found: String| SrsError::Header {
        format: FORMAT,
        field,
        expected: expected.to_owned(),
        found,
    };
    seek(reader, MAGIC.len() as u64)?;
    let version = read_u32(reader)?;
    if version != 1 {
        return Err(header("version", "1", version.to_string()));
    }
    let count = read_u32(reader)?;
    if count > MAX_SECTIONS {
        return Err(header(
            "number of sections",
            "at most 32",
            count.to_string(),
        ));
    }
    let mut sections = Sections([None; MAX_SECTIONS as usize]);
    let mut at = MAGIC.len() as u64 + 8;
    for _ in 0..count {
        seek(reader, at)?;
        let number = read_u32(reader)?;
        let section = Section {
            at: at + 12,
            size: read_u64(reader)?,
        };
        let end = section.at.saturating_add(section.size);
        if end > size {
            return Err(SrsError::FileSize {
                format: FORMAT,
                expected: end,
                found: size,
            });
        }
        match sections.0.get_mut(number as usize) {
            Some(place @ None) => *place = Some(section),
            Some(Some(_)) => {
                return Err(header(
                    "section number",
                    "each once",
                    format!("{number} twice"),
                ));
            }
            None => return Err(header("section number", "below 32", number.to_string())),
        }
        at = end;
    }
    if at != size {
        return Err(SrsError::FileSize {
            format: FORMAT,
            expected: at,
            found: size,
        });
    }
    Ok(sections)
}

fn read_power(reader: &mut (impl Read + Seek), section: Section) -> Result<u32, SrsError> {
    let header = |field, expected: String, found: String| SrsError::Header {
        format: FORMAT,
        field,
        expected,
        found,
    };
    seek(reader, section.at)?;
    let coordinate_bytes = read_u32(reader)?;
    if coordinate_bytes != 32 {
        return Err(header(
            "coordinate size",
            "32".into(),
            coordinate_bytes.to_string(),
        ));
    }
    let mut modulus = [0u8; 32];
    reader
        .read_exact(&mut modulus)
        .map_err(SrsError::io("read the header"))?;
    if modulus != MODULUS {
        let found = format!("{} (little-endian)", super::origin::hex(&modulus));
        return Err(header("curve", "BN254".into(), found));
    }
    let power = read_u32(reader)?;
    if !(1..=MAX_POWER).contains(&power) {
        return Err(header(
            "power",
            format!("1 to {MAX_POWER}"),
            power.to_string(),
        ));
    }
    let ceremony_power = read_u32(reader)?;
    if !(power..=MAX_POWER).contains(&ceremony_power) {
        return Err(header(
            "ceremony power",
            format!("{power} to {MAX_POWER}"),
            ceremony_power.to_string(),
        ));
    }
    Ok(power)
}

/// From snarkjs's order of the roots of unity to halo2's: `halo2[i] = snarkjs[i·j mod n]` with `ω_halo2 = ω_snarkjs^j`.
fn reorder(basis: &[G1Affine], k: u32) -> Vec<G1Affine> {
    let n = basis.len();
    let odd_part = (Fr::ZERO - Fr::ONE).to_bytes();
    let snarkjs_root = snarkjs_root(&odd_part, k);
    let target = root_of_unity(k);
    let mut power = Fr::ONE;
    let mut step = 0;
    while power != target && step < n {
        power *= snarkjs_root;
        step += 1;
    }
    (0..n)
        .filter_map(|index| basis.get(index * step % n).copied())
        .collect()
}

/// `5^((r − 1) / 2^k)`: 5 is the smallest quadratic non-residue of the scalar field, which snarkjs starts from.
fn snarkjs_root(r_minus_one: &[u8; 32], k: u32) -> Fr {
    let mut root = Fr::from(5);
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().zip(r_minus_one.chunks_exact(8)) {
        *limb = bytes
            .iter()
            .rev()
            .fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    for _ in 0..Fr::S {
        for index in 0..limbs.len() {
            let carry = limbs.get(index + 1).map_or(0, |next| next & 1);
            if let Some(limb) = limbs.get_mut(index) {
                *limb = (*limb >> 1) | (carry << 63);
            }
        }
    }
    root = root.pow_vartime(limbs);
    (k..Fr::S).fold(root, |root, _| root.square())
}

fn seek(reader: &mut impl Seek, at: u64) -> Result<(), SrsError> {
    reader
        .seek(SeekFrom::Start(at))
        .map(drop)
        .map_err(SrsError::io("seek"))
}

fn read_u32(reader: &mut impl Read) -> Result<u32, SrsError> {
    let mut bytes = [0u8; 4];
    reader
        .read_exact(&mut bytes)
        .map_err(SrsError::io("read the header"))?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_u64(reader: &mut impl Read) -> Result<u64, SrsError> {
    let mut bytes = [0u8; 8];
    reader
        .read_exact(&mut bytes)
        .map_err(SrsError::io("read the header"))?;
    Ok(u64::from_le_bytes(bytes))
}
