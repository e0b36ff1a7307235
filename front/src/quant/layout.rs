//! How the numbers of a value stand in a tensor of the program.
//!
//! ONNX has channels first, the program's convolutions want them last, and a Reshape between them joins or splits axes.
//! A tensor's axes stay what they are: a layout says which of the value's numbers is which of the tensor's, and weights are
//! permuted to it.

use laminate_model::program::{AxisMap, TensorView};

/// An axis of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its length.
    pub len: usize,
    /// How far apart its neighbours are in the value's row-major order.
    pub stride: usize,
}

impl Place {
    /// An axis of one entry.
    pub const ONE: Self = Self { len: 1, stride: 1 };
}

/// The axes of a tensor, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(pub Vec<Place>);

impl Layout {
    /// A row of so many numbers.
    pub fn flat(len: usize) -> Self {
        Self(vec![Place { len, stride: 1 }])
    }

    /// The axes of a value in their order.
    pub fn row_major(features: &[usize]) -> Self {
        Self::ordered(features, &(0..features.len()).collect::<Vec<_>>())
    }

    /// The axes of a value in another order: the tensor's axis `i` is the value's `order[i]`.
    pub fn ordered(features: &[usize], order: &[usize]) -> Self {
        if features.is_empty() {
            return Self::flat(1);
        }
        let place = |axis: &usize| Place {
            len: features[*axis],
            stride: features[axis + 1..].iter().product(),
        };
        Self(order.iter().map(place).collect())
    }

    /// Lengths of the tensor's axes.
    pub fn axes(&self) -> Vec<u32> {
        self.0.iter().map(|place| place.len as u32).collect()
    }

    /// Which of the value's numbers each of the tensor's is, both row-major.
    pub fn order(&self) -> Vec<usize> {
        let mut out = vec![0];
        for place in &self.0 {
            let steps = (0..place.len).map(|x| x * place.stride);
            let steps: Vec<usize> = steps.collect();
            let longer = |at: &usize| {
                let at = *at;
                steps.iter().map(move |step| at + step)
            };
            out = out.iter().flat_map(longer).collect();
        }
        out
    }

    /// Whether the tensor has the value's numbers in their order.
    pub fn is_row_major(&self) -> bool {
        self.order().iter().enumerate().all(|(i, at)| i == *at)
    }

    /// The tensor's axis that is each axis of a value of these features; none if they are not one for one.
    pub fn places(&self, features: &[usize]) -> Option<Vec<usize>> {
        let wanted = Self::row_major(features);
        let mut free: Vec<bool> = vec![true; self.0.len()];
        let mut find = |wanted: &Place| {
            let is = |(at, own): (usize, &Place)| {
                let same = own.len == wanted.len && (own.len == 1 || own.stride == wanted.stride);
                same && free[at]
            };
            let at = self.0.iter().enumerate().position(is)?;
            free[at] = false;
            Some(at)
        };
        let found: Option<Vec<usize>> = wanted.0.iter().map(&mut find).collect();
        found.filter(|found| found.len() == self.0.len())
    }

    /// Reads this tensor in another layout; none where one of its axes is not made of whole axes of that.
    pub fn view(&self, to: &Self) -> Option<TensorView> {
        let mut used = vec![false; to.0.len()];
        let mut map = |own: &Place| -> Option<AxisMap> {
            if own.len == 1 {
                return Some(AxisMap::Fixed { at: 0 });
            }
            let inside = |other: &Place| {
                let end = other.stride * other.len;
                other.len > 1 && other.stride >= own.stride && end <= own.stride * own.len
            };
            let found: Vec<usize> = (0..to.0.len()).filter(|i| inside(&to.0[*i])).collect();
            let product: usize = found.iter().map(|i| to.0[*i].len).product();
            let whole = found
                .iter()
                .all(|i| to.0[*i].stride.is_multiple_of(own.stride));
            if product != own.len || !whole || found.iter().any(|i| used[*i]) {
                return None;
            }
            found.iter().for_each(|i| used[*i] = true);
            if let [axis] = found.as_slice() {
                return Some(AxisMap::Same { axis: *axis as u32 });
            }
            let term = |i: &usize| (*i as u32, (to.0[*i].stride / own.stride) as i32);
            Some(AxisMap::Linear {
                terms: found.iter().map(term).collect(),
                scale: 1,
                offset: 0,
            })
        };
        let maps: Option<Vec<AxisMap>> = self.0.iter().map(&mut map).collect();
        let all = used
            .iter()
            .zip(&to.0)
            .all(|(used, to)| *used || to.len == 1);
        maps.filter(|_| all).map(TensorView::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Channels last: what a convolution gives.
    fn image() -> Layout {
        Layout::ordered(&[3, 2, 5], &[1, 2, 0])
    }

    #[test]
    fn orders() {
        assert_eq!(image().axes(), [2, 5, 3]);
        assert_eq!(image().order()[..6], [0, 10, 20, 1, 11, 21]);
        assert!(!image().is_row_major());
        assert!(Layout::row_major(&[3, 2, 5]).is_row_major());
        assert!(Layout::ordered(&[1, 4], &[1, 0]).is_row_major());
    }

    #[test]
    fn axes_of_a_value_are_found() {
        assert_eq!(image().places(&[3, 2, 5]), Some(vec![2, 0, 1]));
        assert_eq!(image().places(&[30]), None);
        assert_eq!(image().places(&[3, 10]), None);
        assert_eq!(Layout::flat(6).places(&[2, 3]), None);
        assert_eq!(
            Layout::row_major(&[1, 4, 1]).places(&[1, 4, 1]),
            Some(vec![0, 1, 2])
        );
    }

    #[test]
    fn views_split_axes_and_join_none() {
        let same = |axis| AxisMap::Same { axis };
        let transposed = image().view(&Layout::row_major(&[3, 2, 5]));
        assert_eq!(
            transposed,
            Some(TensorView::of(vec![same(1), same(2), same(0)]))
        );
        let split = Layout::flat(30).view(&image());
        let map = AxisMap::Linear {
            terms: vec![(0, 5), (1, 1), (2, 10)],
            scale: 1,
            offset: 0,
        };
        assert_eq!(split, Some(TensorView::of(vec![map])));
        assert_eq!(image().view(&Layout::flat(30)), None);
        assert_eq!(image().view(&Layout::row_major(&[3, 10])), None);
        let ones = Layout::flat(4).view(&Layout::row_major(&[1, 4]));
        assert_eq!(ones, Some(TensorView::of(vec![same(1)])));
    }
}
