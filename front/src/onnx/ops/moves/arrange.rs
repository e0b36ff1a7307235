//! Operators that put all numbers elsewhere: other orders, copies, margins.

use super::super::{Context, resize};
use super::{Built, From, axis_of, by_indices, list, movement, one, place};

/// Axes in another order.
pub fn transpose(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let order: Vec<usize> = match context.ints("perm")? {
            None => (0..dims.len()).rev().collect(),
            Some(perm) => perm.iter().map(|axis| *axis as usize).collect(),
        };
        let made: Option<Vec<usize>> = order.iter().map(|axis| dims.get(*axis).copied()).collect();
        let Some(made) = made.filter(|made| made.len() == dims.len()) else {
            return Err(context.fail(format!("perm is {order:?} for {} axes", dims.len())));
        };
        by_indices(context, made, |at| {
            let mut own = vec![0; dims.len()];
            for (axis, index) in order.iter().zip(at) {
                *own.get_mut(*axis)? = *index;
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Entries before and behind axes: a constant, the first and last again, mirrored, or from the other end; negative ones are left
/// out.
pub fn pad(context: &mut Context<'_, '_>) -> Built {
    let mode = context.text("mode", "constant")?;
    let value = match context.opset() < 11 {
        true => context.float("value", 0.0)?.into(),
        false => match context.raw(2)? {
            None => 0.0,
            Some(_) => context
                .constant(2)?
                .numbers()
                .first()
                .copied()
                .unwrap_or(0.0),
        },
    };
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let pads = list(context, "pads", 1)?.unwrap_or_default();
        let axes = list(context, "axes", 3)?.unwrap_or_else(|| (0..dims.len() as i64).collect());
        if pads.len() != 2 * axes.len() || pads.iter().any(|pad| pad.unsigned_abs() > 1 << 20) {
            return Err(context.fail(format!("pads is {pads:?} for axes {axes:?}")));
        }
        let (before, after) = pads.split_at(axes.len());
        let mut starts = vec![0i64; dims.len()];
        let mut made = dims.to_vec();
        for (axis, (before, after)) in axes.iter().zip(before.iter().zip(after)) {
            let axis = axis_of(context, *axis, dims.len())?;
            let (Some(start), Some(len)) = (starts.get_mut(axis), made.get_mut(axis)) else {
                continue;
            };
            *start = *before;
            *len = usize::try_from(*len as i64 + before + after).unwrap_or(0);
        }
        by_indices(context, made, |at| {
            let mut own = vec![];
            for ((x, start), len) in at.iter().zip(&starts).zip(dims) {
                let (x, len) = (*x as i64 - start, *len as i64);
                if len == 0 {
                    return None;
                }
                let read = match mode.as_str() {
                    "edge" => x.clamp(0, len - 1),
                    "wrap" => x.rem_euclid(len),
                    "reflect" if len == 1 => 0,
                    "reflect" => {
                        let around = x.rem_euclid(2 * (len - 1));
                        around.min(2 * (len - 1) - around)
                    }
                    "constant" if !(0..len).contains(&x) => return Some(From::Number(value)),
                    "constant" => x,
                    _ => return None,
                };
                own.push(read as usize);
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Values one behind the other, of which some may be constant.
pub fn concat(context: &mut Context<'_, '_>) -> Built {
    let all: Vec<usize> = (0..context.operands()).collect();
    movement(context, &all, &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", i64::MIN)?, dims.len())?;
        let mut made = dims.to_vec();
        let mut ends = vec![];
        let mut sum = 0usize;
        for own in shapes {
            let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
            let same = own.iter().zip(dims).enumerate().all(alike);
            if own.len() != dims.len() || !same {
                return Err(context.fail(format!("operands have shapes {shapes:?}")));
            }
            sum = sum.saturating_add(own.get(axis).copied().unwrap_or(0));
            ends.push(sum);
        }
        if let Some(len) = made.get_mut(axis) {
            *len = sum;
        }
        by_indices(context, made, |at| {
            let x = *at.get(axis)?;
            let operand = ends.iter().position(|end| x < *end)?;
            let own = shapes.get(operand)?;
            let mut at = at.to_vec();
            *at.get_mut(axis)? = x + own.get(axis)? - ends.get(operand)?;
            Some(From::At(operand, place(&at, own)?))
        })
    })
}

/// A value again and again along its axes.
pub fn tile(context: &mut Context<'_, '_>) -> Built {
    let repeats = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        if repeats.len() != dims.len() {
            return Err(context.fail(format!("repeats {repeats:?} for shape {dims:?}")));
        }
        let times = |(len, by): (&usize, &i64)| len.checked_mul(usize::try_from(*by).ok()?);
        let made: Option<Vec<usize>> = dims.iter().zip(&repeats).map(times).collect();
        let made = made.ok_or_else(|| context.fail(format!("repeats {repeats:?} of {dims:?}")))?;
        by_indices(context, made, |at| {
            let own = at.iter().zip(dims).map(|(x, len)| x.checked_rem(*len));
            Some(From::At(0, place(&own.collect::<Option<Vec<_>>>()?, dims)?))
        })
    })
}

/// Axes of one entry repeated, by a constant shape that the operand broadcasts to or with.
pub fn expand(context: &mut Context<'_, '_>) -> Built {
    let target = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let target: Option<Vec<usize>> = target.iter().map(|d| usize::try_from(*d).ok()).collect();
        let target = target.ok_or_else(|| context.fail("the target shape has negative sizes"))?;
        let rank = dims.len().max(target.len());
        let entry = |shape: &[usize], at: usize| {
            let at = at.checked_sub(rank - shape.len());
            at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
        };
        let mut made = vec![];
        for at in 0..rank {
            made.push(match (entry(dims, at), entry(&target, at)) {
                (1, other) => other,
                (own, other) if other == 1 || own == other => own,
                _ => {
                    return Err(
                        context.fail(format!("shape {dims:?} does not broadcast to {target:?}"))
                    );
                }
            });
        }
        by_indices(context, made, |at| {
            let own = at.get(rank - dims.len()..)?.iter().zip(dims);
            let own: Vec<usize> = own.map(|(x, len)| if *len == 1 { 0 } else { *x }).collect();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Blocks of channels to blocks of places.
pub fn depth_to_space(context: &mut Context<'_, '_>) -> Built {
    let column = match context.text("mode", "DCR")?.as_str() {
        "DCR" => false,
        "CRD" => true,
        other => return Err(context.fail(format!("mode is {other:?}, expected DCR or CRD"))),
    };
    let by = usize::try_from(context.int("blocksize", 0)?).unwrap_or(0);
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let (&[n, c, h, w], true) = (dims, (1..=1 << 10).contains(&by)) else {
            return Err(context.fail(format!("operand 0 has shape {dims:?}, expected four axes")));
        };
        let own = c / (by * by);
        if own * by * by != c {
            return Err(context.fail(format!("{c} channels are no blocks of {by} by {by}")));
        }
        by_indices(context, vec![n, own, h * by, w * by], |at| {
            let &[n, c, y, x] = at else { return None };
            let (dy, dx) = (y % by, x % by);
            let channel = match column {
                false => (dy * by + dx) * own + c,
                true => (c * by + dy) * by + dx,
            };
            Some(From::At(0, place(&[n, channel, y / by, x / by], dims)?))
        })
    })
}

/// Blocks of places to channels.
pub fn space_to_depth(context: &mut Context<'_, '_>) -> Built {
    let by = usize::try_from(context.int("blocksize", 0)?).unwrap_or(0);
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let (&[n, c, h, w], true) = (dims, (1..=1 << 10).contains(&by)) else {
            return Err(context.fail(format!("operand 0 has shape {dims:?}, expected four axes")));
        };
        if h % by != 0 || w % by != 0 {
            return Err(context.fail(format!("{h} by {w} places are no blocks of {by} by {by}")));
        }
        let made = vec![n, c.saturating_mul(by * by), h / by, w / by];
        by_indices(context, made, |at| {
            let &[n, channel, y, x] = at else { return None };
            let (block, channel) = (channel / c, channel % c);
            let own = [n, channel, y * by + block / by, x * by + block % by];
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// The first entries of an axis in reverse order, as many as a constant says of each entry of another.
pub fn reverse_sequence(context: &mut Context<'_, '_>) -> Built {
    let lengths = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let time = axis_of(context, context.int("time_axis", 0)?, dims.len())?;
        let batch = axis_of(context, context.int("batch_axis", 1)?, dims.len())?;
        by_indices(context, dims.to_vec(), |at| {
            let length = usize::try_from(*lengths.get(*at.get(batch)?)?).ok()?;
            let mut own = at.to_vec();
            let x = own.get_mut(time)?;
            if *x < length {
                *x = length - 1 - *x;
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// The upper or lower triangle of matrices.
pub fn trilu(context: &mut Context<'_, '_>) -> Built {
    let upper = context.int("upper", 1)? != 0;
    let by = match context.raw(1)? {
        None => 0,
        Some(_) => context
            .constant(1)?
            .integers()?
            .first()
            .copied()
            .unwrap_or(0),
    };
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        by_indices(context, dims.to_vec(), |at| {
            let [.., row, col] = at else { return None };
            let above = (*col as i64).saturating_sub(*row as i64);
            let kept = if upper { above >= by } else { above <= by };
            match kept {
                true => Some(From::At(0, place(at, dims)?)),
                false => Some(From::Number(0.0)),
            }
        })
    })
}

/// Axes cut or padded with zeros to a constant shape, equally on both sides.
pub fn center_crop_pad(context: &mut Context<'_, '_>) -> Built {
    let sizes = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axes: Vec<usize> = match context.ints("axes")? {
            None => (0..dims.len()).collect(),
            Some(axes) => axes
                .iter()
                .map(|axis| axis_of(context, *axis, dims.len()))
                .collect::<Result<_, _>>()?,
        };
        let mut made = dims.to_vec();
        let mut starts = vec![0i64; dims.len()];
        for (axis, size) in axes.iter().zip(&sizes) {
            let (Some(len), Some(start)) = (made.get_mut(*axis), starts.get_mut(*axis)) else {
                continue;
            };
            let apart = *len as i64 - size;
            // A cut and a pad both leave the smaller half in front.
            *start = if apart >= 0 { apart / 2 } else { -(-apart / 2) };
            *len = usize::try_from(*size).unwrap_or(0);
        }
        by_indices(context, made, |at| {
            let own = at.iter().zip(&starts).map(|(x, start)| *x as i64 + start);
            let own: Option<Vec<usize>> = own.map(|x| usize::try_from(x).ok()).collect();
            let found = own.and_then(|own| place(&own, dims));
            Some(found.map_or(From::Number(0.0), |at| From::At(0, at)))
        })
    })
}

/// Entries of axes by the nearest places of another size; see [`resize`].
pub fn nearest(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let lines = resize::nearest_lines(context, dims)?;
        let made = lines.iter().map(Vec::len).collect();
        by_indices(context, made, |at| {
            let own = lines.iter().zip(at).map(|(line, x)| line.get(*x).copied());
            let own: Vec<Option<usize>> = own.collect::<Option<_>>()?;
            match own.into_iter().collect::<Option<Vec<usize>>>() {
                Some(own) => Some(From::At(0, place(&own, dims)?)),
                None => Some(From::Number(resize::outside(context))),
            }
        })
    })
}
