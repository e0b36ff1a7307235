//! What an evaluation costs a circuit, counted by running it.

use halo2curves_axiom::bn256::Fr;

use crate::backend::Backend;
use crate::error::{Check, VerifyError};
use crate::transcript::poseidon::WIDTH;

/// A backend that only counts cells; a value is whether it is a constant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    cells: usize,
}

/// A point of values that are no constants.
type Points = Vec<Vec<bool>>;

impl Cost {
    /// Cells of an evaluation at points of the view axes and of the block's axis.
    pub fn of(view: &[usize], y: usize, run: impl FnOnce(&mut Self, &[&[bool]], &[bool])) -> usize {
        let points: Points = view.iter().map(|log| vec![false; *log]).collect();
        let points: Vec<&[bool]> = points.iter().map(Vec::as_slice).collect();
        let mut cost = Self::default();
        run(&mut cost, &points, &vec![false; y]);
        cost.cells
    }

    fn gate(&mut self, constant: bool, cells: usize) -> bool {
        if !constant {
            self.cells += cells;
        }
        constant
    }
}

impl Backend for Cost {
    type Scalar = bool;
    type Point = ();

    fn constant(&mut self, _: Fr) -> bool {
        true
    }
    fn add(&mut self, a: &bool, b: &bool) -> bool {
        self.gate(*a && *b, 4)
    }
    fn sub(&mut self, a: &bool, b: &bool) -> bool {
        self.gate(*a && *b, 4)
    }
    fn mul(&mut self, a: &bool, b: &bool) -> bool {
        self.gate(*a && *b, 4)
    }
    fn mul_add(&mut self, a: &bool, b: &bool, c: &bool) -> bool {
        self.gate(*a && *b && *c, 4)
    }
    fn linear(&mut self, _: Fr, terms: &[(Fr, bool)]) -> bool {
        let open = terms.iter().filter(|(_, constant)| !constant).count();
        self.gate(open == 0, 1 + 3 * open)
    }
    fn invert(&mut self, a: &bool, _: &'static str) -> Result<bool, VerifyError> {
        Ok(*a)
    }
    fn assert_equal(&mut self, _: &bool, _: &bool, _: Check) -> Result<(), VerifyError> {
        Ok(())
    }
    fn assert_u16(&mut self, _: &bool, _: Check) -> Result<(), VerifyError> {
        Ok(())
    }
    fn assert_u32(&mut self, _: &bool, _: Check) -> Result<(), VerifyError> {
        Ok(())
    }
    fn bits(&mut self, a: &bool, count: usize, _: Check) -> Result<Vec<bool>, VerifyError> {
        Ok(vec![*a; count])
    }
    fn permute(&mut self, state: [bool; WIDTH]) -> [bool; WIDTH] {
        state
    }
    fn encode_point(&mut self, (): &()) -> [bool; 3] {
        [true; 3]
    }
}
