//! Many inversions for the price of one (Montgomery's trick).

use halo2curves_axiom::ff::Field;

/// Inverses of all elements; zero stays zero.
pub fn all<F: Field>(values: &mut [F]) {
    let mut product = F::ONE;
    let mut prefixes = Vec::with_capacity(values.len());
    for value in values.iter() {
        prefixes.push(product);
        if !bool::from(value.is_zero()) {
            product *= value;
        }
    }
    let mut inverse = product.invert().unwrap_or(F::ZERO);
    for (value, prefix) in values.iter_mut().zip(prefixes).rev() {
        if !bool::from(value.is_zero()) {
            let own = inverse * prefix;
            inverse *= *value;
            *value = own;
        }
    }
}
