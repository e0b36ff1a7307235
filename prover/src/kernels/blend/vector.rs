//! The same, eight elements at a time.

use halo2curves_axiom::bn256::Fr;

use crate::kernels::lanes::{self, Avx512, Lanes, Scalars};
use crate::kernels::words::{self, Words};

pub fn bind(_token: Avx512, low: &mut [Fr], high: &[Fr], r: &Fr) {
    let whole = low.len() / 8 * 8;
    for (l, h) in low[whole..].iter_mut().zip(&high[whole..]) {
        *l += r * (h - *l);
    }
    let (low, _) = words::of_mut(low).as_chunks_mut::<8>();
    let (high, _) = words::of(high).as_chunks::<8>();
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    unsafe {
        bind_groups(low, high, &words::of(std::slice::from_ref(r))[0]);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn bind_groups(low: &mut [[Words; 8]], high: &[[Words; 8]], r: &Words) {
    let r = lanes::splat_16(r);
    for (low, high) in low.iter_mut().zip(high) {
        let blended = blend(low, high, &r);
        lanes::store(low, lanes::join(&blended));
    }
}

/// Does whole groups of eight from the front; returns how many elements are done.
pub fn shift(_token: Avx512, values: &mut [Fr], distance: usize, r: &Fr) -> usize {
    let groups = values.len().saturating_sub(distance) / 8;
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    unsafe {
        let r = words::of(std::slice::from_ref(r))[0];
        shift_groups(words::of_mut(values), groups, distance, &r);
    }
    8 * groups
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn shift_groups(values: &mut [Words], groups: usize, distance: usize, r: &Words) {
    let r = lanes::splat_16(r);
    for group in 0..groups {
        // Both are read before the first is written, so they may overlap.
        let eight = |at: usize| values.get(at..).and_then(<[Words]>::first_chunk::<8>);
        let (Some(low), Some(high)) = (eight(8 * group), eight(8 * group + distance)) else {
            return;
        };
        let columns = lanes::join(&blend(low, high, &r));
        if let Some(low) = values
            .get_mut(8 * group..)
            .and_then(<[Words]>::first_chunk_mut)
        {
            lanes::store(low, columns);
        }
    }
}

/// `low + r·(high - low)`, below the modulus.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn blend(low: &[Words; 8], high: &[Words; 8], r: &Lanes) -> Lanes {
    let (low, high) = (
        lanes::split(&lanes::load(low)),
        lanes::split(&lanes::load(high)),
    );
    let rise = lanes::sub::<Scalars>(&high, &low);
    let sum = lanes::add(&lanes::mul::<Scalars>(&rise, r), &low);
    lanes::trim::<Scalars>(&lanes::trim::<Scalars>(&sum, 2), 1)
}
