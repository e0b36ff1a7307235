//! Operators that choose: by ranges, indices, conditions, and those that put numbers at indices.

use super::super::Context;
use super::{
    Built, From, axis_of, by_indices, index_of, indices, list, movement, one, place, size,
};

/// Parts of axes.
pub fn slice(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let starts = list(context, "starts", 1)?.unwrap_or_default();
        let ends = list(context, "ends", 2)?.unwrap_or_default();
        let axes = list(context, "axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list(context, "steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let mut parts: Vec<(i64, i64)> = vec![(0, 1); dims.len()];
        let mut made = dims.to_vec();
        for (i, axis) in axes.iter().enumerate() {
            let axis = axis_of(context, *axis, dims.len())?;
            let of = |list: &[i64]| list.get(i).copied();
            let (Some(start), Some(end), Some(step)) = (of(&starts), of(&ends), of(&steps)) else {
                return Err(context.fail("starts, ends, axes and steps have different lengths"));
            };
            let len = dims.get(axis).copied().unwrap_or(0);
            let part = super::super::arrange::part(start, end, step, len);
            let (Some(slot), Some(len)) = (parts.get_mut(axis), made.get_mut(axis)) else {
                continue;
            };
            (*slot, *len) = part.map_or(((0, 1), 0), |(first, count)| ((first, step), count));
        }
        by_indices(context, made, |at| {
            let own = at
                .iter()
                .zip(&parts)
                .map(|(x, (first, step))| usize::try_from(first + step * *x as i64).ok());
            Some(From::At(0, place(&own.collect::<Option<Vec<_>>>()?, dims)?))
        })
    })
}

/// Entries of an axis by constant indices of any shape.
pub fn gather(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let (before, behind) = dims.split_at(axis);
        let (len, behind) = behind
            .split_first()
            .map_or((0, behind), |(len, rest)| (*len, rest));
        let made = [before, &given.dims, behind].concat();
        let count = given.dims.len();
        by_indices(context, made, |at| {
            let (first, rest) = at.split_at_checked(axis)?;
            let (own, last) = rest.split_at_checked(count)?;
            let index = indices.get(place(own, &given.dims)?)?;
            let own = [first, &[index_of(*index, len)?], last].concat();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Entries along an axis by constant indices of the result's shape.
pub fn gather_elements(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let len = dims.get(axis).copied().unwrap_or(0);
        by_indices(context, given.dims.clone(), |at| {
            let index = indices.get(place(at, &given.dims)?)?;
            let mut own = at.to_vec();
            *own.get_mut(axis)? = index_of(*index, len)?;
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Parts by constant tuples of indices.
pub fn gather_nd(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let shared = usize::try_from(context.int("batch_dims", 0)?).unwrap_or(usize::MAX);
        let Some((&length, places)) = given.dims.split_last() else {
            return Err(context.fail("operand 1 is a scalar, expected tuples of indices"));
        };
        let Some(rest) = dims
            .get(shared.saturating_add(length)..)
            .filter(|_| shared <= places.len())
        else {
            return Err(context.fail(format!(
                "operand 0 has shape {dims:?}, tuples {length} indices behind {shared} axes"
            )));
        };
        let made = [places, rest].concat();
        by_indices(context, made, |at| {
            let (own, last) = at.split_at_checked(places.len())?;
            let first = place(own, places)? * length;
            let tuple = indices.get(first..first + length)?;
            let sizes = dims.get(shared..shared + length)?;
            let tuple = tuple
                .iter()
                .zip(sizes)
                .map(|(index, len)| index_of(*index, *len));
            let tuple: Vec<usize> = tuple.collect::<Option<_>>()?;
            let own = [own.get(..shared)?, &tuple, last].concat();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// A value with entries along an axis replaced, by constant indices.
pub fn scatter_elements(context: &mut Context<'_, '_>) -> Built {
    let reduction = context.text("reduction", "none")?;
    if reduction != "none" {
        return Err(context.fail(format!("reduction is {reduction:?}, expected \"none\"")));
    }
    let given = context.constant(1)?;
    let own = given.integers()?.to_vec();
    movement(context, &[0, 2], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let len = dims.get(axis).copied().unwrap_or(0);
        let mut moved = by_indices(context, dims.to_vec(), |at| {
            Some(From::At(0, place(at, dims)?))
        })?;
        for (update, index) in own.iter().enumerate() {
            let mut at = indices(update, &given.dims);
            let slot = index_of(*index, len).and_then(|index| {
                *at.get_mut(axis)? = index;
                moved.from.get_mut(place(&at, dims)?)
            });
            let Some(slot) = slot else {
                return Err(context.fail(format!("index {index} is not in an axis of {len}")));
            };
            *slot = From::At(1, update);
        }
        Ok(moved)
    })
}

/// A value with parts replaced, by constant tuples of indices.
pub fn scatter_nd(context: &mut Context<'_, '_>) -> Built {
    let reduction = context.text("reduction", "none")?;
    if reduction != "none" {
        return Err(context.fail(format!("reduction is {reduction:?}, expected \"none\"")));
    }
    let given = context.constant(1)?;
    let own = given.integers()?.to_vec();
    movement(context, &[0, 2], &|context, shapes| {
        let dims = one(context, shapes)?;
        let length = given.dims.last().copied().unwrap_or(0);
        let Some(rest) = dims.get(length..) else {
            return Err(context.fail(format!("tuples of {length} indices into shape {dims:?}")));
        };
        let count: usize = size(context, rest)?;
        let mut moved = by_indices(context, dims.to_vec(), |at| {
            Some(From::At(0, place(at, dims)?))
        })?;
        for (update, tuple) in own.chunks(length.max(1)).enumerate() {
            let tuple = tuple
                .iter()
                .zip(dims)
                .map(|(index, len)| index_of(*index, *len));
            let first = tuple
                .collect::<Option<Vec<_>>>()
                .and_then(|tuple| place(&tuple, dims));
            let Some(first) = first else {
                return Err(context.fail(format!("tuple {update} is not in shape {dims:?}")));
            };
            for at in 0..count {
                if let Some(slot) = moved.from.get_mut(first * count + at) {
                    *slot = From::At(1, update * count + at);
                }
            }
        }
        Ok(moved)
    })
}

/// Entries of an axis, or of all numbers, that a constant marks.
pub fn compress(context: &mut Context<'_, '_>) -> Built {
    let marks = context.constant(1)?.integers()?.to_vec();
    let axis = context.attribute("axis", crate::onnx::messages::attribute_type::INT)?;
    let axis = axis.map(|axis| axis.i);
    movement(context, &[0], &|context, shapes| {
        let mut dims = one(context, shapes)?.to_vec();
        let axis = match axis {
            Some(axis) => axis_of(context, axis, dims.len())?,
            None => {
                dims = vec![size(context, &dims)?];
                0
            }
        };
        let kept = marks.iter().enumerate().filter(|(_, mark)| **mark != 0);
        let kept: Vec<usize> = kept.map(|(at, _)| at).collect();
        let mut made = dims.clone();
        if let Some(len) = made.get_mut(axis) {
            *len = kept.len();
        }
        by_indices(context, made, |at| {
            let mut own = at.to_vec();
            let x = own.get_mut(axis)?;
            *x = *kept.get(*x)?;
            Some(From::At(0, place(&own, &dims)?))
        })
    })
}

/// The numbers of one operand where a constant is not zero, else those of another; all broadcast to each other.
pub fn select(context: &mut Context<'_, '_>) -> Built {
    let condition = context.constant(0)?;
    let marks = condition.numbers();
    movement(context, &[1, 2], &|context, shapes| {
        let all: Vec<&[usize]> = { shapes.iter().map(Vec::as_slice) }
            .chain([condition.dims.as_slice()])
            .collect();
        let rank = all.iter().map(|shape| shape.len()).max().unwrap_or(0);
        let entry = |shape: &[usize], at: usize| {
            let at = at.checked_sub(rank - shape.len());
            at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
        };
        let made: Vec<usize> = (0..rank)
            .map(|at| {
                all.iter()
                    .map(|shape| entry(shape, at))
                    .find(|len| *len != 1)
                    .unwrap_or(1)
            })
            .collect();
        let of = |at: &[usize], shape: &[usize]| {
            let own = at.get(rank - shape.len()..)?.iter().zip(shape);
            let own: Vec<usize> = own.map(|(x, len)| if *len == 1 { 0 } else { *x }).collect();
            place(&own, shape)
        };
        by_indices(context, made, |at| {
            let which = usize::from(*marks.get(of(at, &condition.dims)?)? == 0.0);
            Some(From::At(which, of(at, shapes.get(which)?)?))
        })
    })
}
