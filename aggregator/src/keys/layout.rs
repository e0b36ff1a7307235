//! Expected lengths in halo2's key encodings, checked before halo2 reads them: its reader allocates
//! and unwraps what the file says.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem};
use laminate_model::artifact::{ArtifactError, Kind};

use crate::circuit::{AggregationCircuit, CircuitParams};
use crate::error::AggregationError;

/// Bytes of a raw point.
const POINT: usize = 64;
/// Bytes of a raw scalar.
const SCALAR: usize = 32;

/// Checks that `body` has the length prefixes and the total length of a key of shape `params`.
///
/// # Errors
/// [`ArtifactError::Decode`].
pub fn expect_layout(
    kind: Kind,
    params: CircuitParams,
    body: &[u8],
) -> Result<(), AggregationError> {
    let mut meta = ConstraintSystem::<Fr>::default();
    let _ = AggregationCircuit::configure_with_params(&mut meta, params);
    let fixed = meta.num_fixed_columns() + meta.num_selectors();
    let permuted = meta.permutation().get_columns().len();
    let mut walk = Walk { kind, body };
    walk.expect("version", &[2])?;
    walk.expect("rows", &(params.k as u32).to_le_bytes())?;
    walk.expect("selector compression", &[0])?;
    walk.expect("fixed commitments", &(fixed as u32).to_le_bytes())?;
    walk.skip((fixed + permuted) * POINT)?;
    if matches!(kind, Kind::ProvingKey) {
        for _ in 0..3 {
            walk.polynomial(params.k)?;
        }
        for count in [fixed, fixed, permuted, permuted] {
            walk.expect("number of polynomials", &(count as u32).to_be_bytes())?;
            for _ in 0..count {
                walk.polynomial(params.k)?;
            }
        }
    }
    walk.end()
}

struct Walk<'a> {
    kind: Kind,
    body: &'a [u8],
}

impl Walk<'_> {
    fn refuse(&self, problem: String) -> AggregationError {
        ArtifactError::Decode {
            kind: self.kind.name(),
            problem,
        }
        .into()
    }

    fn expect(&mut self, what: &str, bytes: &[u8]) -> Result<(), AggregationError> {
        let Some(rest) = self.body.strip_prefix(bytes) else {
            return Err(self.refuse(format!("{what} is not that of this circuit")));
        };
        self.body = rest;
        Ok(())
    }

    fn skip(&mut self, length: usize) -> Result<(), AggregationError> {
        let Some(rest) = self.body.get(length..) else {
            return Err(self.refuse(format!("{} bytes missing", length - self.body.len())));
        };
        self.body = rest;
        Ok(())
    }

    fn polynomial(&mut self, k: usize) -> Result<(), AggregationError> {
        self.expect("polynomial length", &(1u32 << k).to_be_bytes())?;
        self.skip(SCALAR << k)
    }

    fn end(&self) -> Result<(), AggregationError> {
        match self.body.len() {
            0 => Ok(()),
            left => Err(self.refuse(format!("{left} bytes left over"))),
        }
    }
}
