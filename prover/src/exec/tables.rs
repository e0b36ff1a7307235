//! Activation tables, computed with `libm` so that every platform gets the same integers.

use laminate_model::program::{
    ACTIVATION_BOUND, OUTPUT_SCALE, TABLE_LOG, Table, TableKind, WIDE_TABLE_LOG,
};

/// The logistic function, with `libm` for equal results on every platform.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The table of `kind` for an index at `input_scale`: the function at `index·2^-input_scale` times 2^14
/// (times `2^input_scale` for SiLU), to the nearest integer, halves away from zero. Sigmoid and tanh have
/// 2^12 entries, SiLU and the exponential one for every int16.
pub fn table(kind: TableKind, input_scale: i8) -> Table {
    let one = f64::from(1 << OUTPUT_SCALE);
    // |y| <= 1 where the output scale is fixed, so the rounded value is at most 2^14 in absolute value.
    match kind {
        TableKind::Sigmoid => tabulate(kind, input_scale, TABLE_LOG, |x| sigmoid(x) * one),
        TableKind::Tanh => tabulate(kind, input_scale, TABLE_LOG, |x| libm::tanh(x) * one),
        TableKind::Silu => silu(input_scale),
        TableKind::Exp => exp(input_scale),
        TableKind::Function => function(input_scale, 0, |x| x),
    }
}

/// `f` at every index of 2^12 at `input_scale`, in units of `2^-output_scale`, to the nearest integer, halves away from zero.
/// Where `f` is not finite it has the value half a unit of the index away, on the right and then on the left; what is none there
/// either is zero, and what no int16 reaches the nearest that there is.
pub fn function(input_scale: i8, output_scale: i32, f: impl Fn(f64) -> f64) -> Table {
    let units = libm::exp2(f64::from(output_scale));
    let half = libm::exp2(-f64::from(input_scale) - 1.0);
    let value = |x: f64| {
        let near = [x, x + half, x - half].into_iter().map(&f);
        let found = near.into_iter().find(|y| y.is_finite()).unwrap_or(0.0);
        (found * units).clamp(f64::from(i16::MIN), f64::from(i16::MAX))
    };
    tabulate(TableKind::Function, input_scale, TABLE_LOG, value)
}

/// log2 of the units in which [`weights`] tell depths at most: the last of 2^12 is at 16, where no int16 has a weight left.
pub const DEPTH_SCALE: i32 = 8;

/// `exp(x - max)·2^14` of a softmax for the index `x - max + 2^11 - 1` at a scale of at most [`DEPTH_SCALE`].
pub fn weights(scale: i8) -> Table {
    let one = f64::from(1 << OUTPUT_SCALE);
    let best = -(Table::LOWEST as f64 + 1.0) * libm::exp2(-f64::from(scale));
    tabulate(TableKind::Function, scale, TABLE_LOG, |x| {
        libm::exp(x - best) * one
    })
}

/// `x·sigmoid(x)` for every int16 index, at the index's own scale: it never leaves the int16 range.
fn silu(scale: i8) -> Table {
    let one = libm::exp2(f64::from(scale));
    tabulate(TableKind::Silu, scale, WIDE_TABLE_LOG, |x| {
        x * sigmoid(x) * one
    })
}

/// `exp(-z·2^-scale)` for the depths `z = index + 2^15`, zero at the last one.
fn exp(scale: i8) -> Table {
    let one = f64::from(1 << OUTPUT_SCALE);
    let first = ACTIVATION_BOUND as f64 * libm::exp2(-f64::from(scale));
    let mut table = tabulate(TableKind::Exp, scale, WIDE_TABLE_LOG, |x| {
        libm::exp(-(x + first)) * one
    });
    if let Some(last) = table.values.last_mut() {
        *last = 0;
    }
    table
}

/// `f` at `2^log` indices around zero, rounded; `f` must stay within int16.
fn tabulate(kind: TableKind, input_scale: i8, log: usize, f: impl Fn(f64) -> f64) -> Table {
    let unit = libm::exp2(-f64::from(input_scale));
    let half = 1i64 << (log - 1);
    let value = |index: i64| libm::round(f(index as f64 * unit)) as i16;
    Table {
        kind,
        input_scale,
        values: (-half..half).map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let sigmoid = table(TableKind::Sigmoid, 8);
        assert_eq!(sigmoid.get(0), Some(8192));
        assert_eq!(sigmoid.get(256), Some(11_978), "sigmoid(1) = 0.731059");
        assert_eq!(sigmoid.get(-256), Some(4406));
        let tanh = table(TableKind::Tanh, 8);
        assert_eq!((tanh.get(0), tanh.get(-2048)), (Some(0), Some(-16_384)));
        assert!(
            (1..2048).all(|i| tanh.get(i) == tanh.get(-i).map(|v| -v)),
            "odd"
        );
    }

    #[test]
    fn wide_tables() {
        let silu = table(TableKind::Silu, 10);
        assert_eq!((silu.values.len(), silu.lowest()), (1 << 16, -32_768));
        assert_eq!(silu.get(1024), Some(749), "silu(1) = 0.731059");
        assert_eq!(silu.get(-1024), Some(-275));
        assert_eq!((silu.get(0), silu.get(32_767)), (Some(0), Some(32_767)));
        for scale in -8..16 {
            assert_eq!(table(TableKind::Silu, scale).get(0), Some(0));
            let exp = table(TableKind::Exp, scale).values;
            assert!(exp.is_sorted_by(|a, b| a >= b), "{scale}");
            assert_eq!((exp[0], exp[65_535]), (16_384, 0));
            let depth = 1usize << scale.max(0);
            let real = libm::exp(-(depth as f64) * libm::exp2(-f64::from(scale)));
            assert_eq!(exp[depth], libm::round(real * 16_384.0) as i16);
        }
    }

    #[test]
    fn functions_end_where_their_domain_does() {
        let log = function(8, 10, libm::log);
        assert_eq!(log.get(256), Some(0));
        assert_eq!(log.get(696), Some(1024), "log(2.71875) = 1.000173");
        // Half a unit is 2^-9.
        assert_eq!(log.get(0), Some(-6388));
        assert_eq!((log.get(-1), log.get(-2048)), (Some(0), Some(0)));
        let reciprocal = function(8, 10, |x| 1.0 / x);
        assert_eq!(reciprocal.get(0), Some(i16::MAX), "512 does not fit");
        assert_eq!(
            (reciprocal.get(512), reciprocal.get(-1)),
            (Some(512), Some(i16::MIN))
        );
    }

    #[test]
    fn weights_of_a_softmax() {
        for scale in [-3, 0, 8] {
            let weights = weights(scale);
            assert!(weights.values.is_sorted());
            assert_eq!(
                (weights.get(2047), weights.get(-2048)),
                (Some(16_384), Some(0))
            );
        }
        assert_eq!(weights(8).get(2047 - 256), Some(6027), "exp(-1) = 0.367879");
    }

    #[test]
    fn monotone_at_every_scale() {
        for scale in [-8, 0, 4, 12, 30] {
            for kind in [TableKind::Sigmoid, TableKind::Tanh] {
                assert!(table(kind, scale).values.is_sorted(), "{kind:?} {scale}");
            }
        }
    }
}
