//! Sixteen floats side by side, in AVX-512 registers where the processor has them.
//!
//! Products and sums are separate instructions in both forms, so that every processor gives the same
//! floats.

/// Floats side by side.
pub(crate) const LANES: usize = 16;

/// Sixteen floats.
pub(crate) trait Lanes: Copy {
    /// One value in all places.
    fn splat(value: f32) -> Self;
    /// From memory.
    fn load(values: &[f32; LANES]) -> Self;
    /// `self + a·b`, rounded twice.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// Back to memory.
    fn values(self) -> [f32; LANES];
}

/// A computation written for any lanes.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;
    /// Does it. To be inlined, as everything it calls.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs a kernel with the widest registers there are.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        #[expect(unsafe_code, reason = "calls code for the detected feature")]
        // SAFETY: the processor has the feature.
        return unsafe { wide::run(kernel) };
    }
    kernel.run::<[f32; LANES]>()
}

impl Lanes for [f32; LANES] {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; LANES]
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        *values
    }

    #[inline(always)]
    fn add_product(mut self, a: Self, b: Self) -> Self {
        for (sum, (a, b)) in self.iter_mut().zip(a.iter().zip(&b)) {
            *sum += a * b;
        }
        self
    }

    #[inline(always)]
    fn values(self) -> [f32; LANES] {
        self
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions")]
mod wide {
    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{Kernel, LANES, Lanes};

    /// A register. Made by [`run`]'s kernels only, on processors that have it.
    #[derive(Clone, Copy)]
    struct Register(__m512);

    #[target_feature(enable = "avx512f")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Register>()
    }

    impl Lanes for Register {
        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: see `Register`.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            // SAFETY: see `Register`; the reference covers what is read.
            Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see `Register`.
            Self(unsafe { _mm512_add_ps(self.0, _mm512_mul_ps(a.0, b.0)) })
        }

        #[inline(always)]
        fn values(self) -> [f32; LANES] {
            let mut out = [0.0; LANES];
            // SAFETY: see `Register`; the array covers what is written.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) };
            out
        }
    }
}
