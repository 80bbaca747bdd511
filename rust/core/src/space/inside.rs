//! How far values without a grid stay from their bounds.
//!
//! A bound is a value that many objectives do not take (a fraction of 0, a probability of 1), and
//! that a continuous distribution practically never gives. What is suggested therefore stays
//! [`MARGIN`] away from it. Nothing may pile up at the margin either: draws from beyond it are drawn
//! again, and a step of the local search across it is [`folded`].

/// Share of the range that values stay away from each bound: about a millionth.
///
/// Large enough that single precision, in which many learners compute, and a logarithm that was
/// rounded still tell the value from the bound; some 10,000 times smaller than the narrowest kernel,
/// so that a search whose optimum is the bound itself loses a millionth of what the range is worth.
const MARGIN: f64 = 1.0 / 1_048_576.0;

/// Share of the gap between a bound and where a step across it began that the step may end in. By
/// hand: with 1 a search comes less close to an optimum at a corner (0.008 instead of 0.003 of what
/// random search is from it, on BBOB's slope in five dimensions), and elsewhere it makes no difference.
const CLOSER: f64 = 0.25;

/// The margin is at most this share of the range, where rounding needs a larger one.
const MOST: f64 = 0.25;

/// The exponential of less than this, the logarithm of the smallest float, is zero.
const LOG_SMALLEST: f64 = -744.440_071_921_381_2;

/// The smallest and the largest place in kernel space whose values lie strictly between the bounds,
/// with a margin; those of `[low, high)` where floats are too coarse for that.
pub(crate) fn inside(log: bool, low: f64, high: f64) -> (f64, f64) {
    let value = |x: f64| if log { libm::exp(x) } else { x };
    let bounds = (low, high);
    let low = if log { low.max(LOG_SMALLEST) } else { low };
    let is_inside = |least: f64, most: f64| {
        least <= most && value(low) < value(least) && value(most) < value(high)
    };
    let mut margin = MARGIN;
    while margin <= MOST {
        let distance = margin * (high - low);
        let (least, most) = (low + distance, high - distance);
        if is_inside(least, most) {
            return (least, most);
        }
        margin *= 2.0;
    }
    let (least, most) = (bounds.0.next_up(), bounds.1.next_down());
    if is_inside(least, most) {
        (least, most)
    } else {
        (bounds.0, most)
    }
}

/// Where a step from `start` to `x` ends, if it must not leave the interval: what is beyond an end
/// is folded, to and fro, into the [`CLOSER`] quarter of the gap between this end and the start.
///
/// So steps that are long for the gap end anywhere in that quarter, which brings a search closer to a
/// bound step by step, and no place, the end itself included, is more likely than those beside it.
pub(crate) fn folded(start: f64, x: f64, (least, most): (f64, f64)) -> f64 {
    let end = if x < least {
        least
    } else if x > most {
        most
    } else {
        return x;
    };
    let gap = CLOSER * (start.clamp(least, most) - end);
    let beyond = ((x - end) / gap).abs();
    if !beyond.is_finite() {
        // There is no gap, or none that arithmetic can fold into.
        return end;
    }
    let beyond = beyond % 2.0;
    (end + gap * beyond.min(2.0 - beyond)).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::rng::Stream;

    #[test]
    fn values_at_the_margin_are_strictly_inside() {
        for (log, low, high) in [
            (false, 0.0, 1.0),
            (false, -5.0, 10.0),
            (false, 0.0, 1e-310),
            (false, 1e15, 1e15 + 4.0),
            (false, -1e308, 7e307),
            (true, -11.5, 0.0),
            (true, 0.0, 1e-14),
            (true, -800.0, 700.0),
            (true, 700.0, 709.7),
        ] {
            let (least, most) = inside(log, low, high);
            let value = |x: f64| if log { libm::exp(x) } else { x };
            assert!(
                value(low) < value(least) && value(least) < value(most),
                "{low}"
            );
            assert!(value(most) < value(high), "{high}");
        }
        let (least, most) = inside(false, 0.0, 1.0);
        #[expect(clippy::cast_possible_truncation)]
        let single = |x: f64| x as f32;
        assert!(single(most) < 1.0 && least < 1.1e-6 && most > 1.0 - 1.1e-6);
    }

    #[test]
    fn a_range_without_floats_inside_keeps_its_lower_bound() {
        let high = 1.0_f64.next_up();
        assert_eq!(inside(false, 1.0, high), (1.0, 1.0));
        let middle = high;
        assert_eq!(inside(false, 1.0, middle.next_up()), (middle, middle));
        let (low, high) = (-1e300, -1e299_f64);
        assert_eq!(inside(true, low, high), (low, high.next_down()));
    }

    #[test]
    fn steps_inside_stay_and_steps_across_an_end_fold_close_to_it() {
        let ends = (0.0, 1.0);
        assert_eq!(folded(0.25, 0.75, ends), 0.75);
        assert_eq!(folded(0.25, -0.0625, ends), 0.0625);
        assert_eq!(folded(0.25, -0.09375, ends), 0.03125);
        assert_eq!(folded(0.25, -0.15625, ends), 0.03125);
        assert_eq!(folded(0.75, 1.03125, ends), 0.96875);
        assert_eq!(folded(0.0, -0.5, ends), 0.0);
        assert_eq!(folded(-3.0, -4.0, ends), 0.0);
        assert_eq!(folded(7.0, 8.0, ends), 1.0);
    }

    #[test]
    fn long_steps_end_anywhere_close_to_the_end_and_nowhere_often() {
        let mut stream = Stream::new(1, 1);
        let mut ends: Vec<f64> = (0..20_000)
            .map(|_| folded(0.5, -5.0 * stream.normal().abs(), (0.0, 1.0)))
            .collect();
        ends.sort_by(f64::total_cmp);
        assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
        let (first, last) = (ends[0], ends[ends.len() - 1]);
        assert!(first > 0.0 && first < 1e-4 && last < 0.125 + 1e-12);
        // Four standard deviations of a share of one half.
        let lower = ends.iter().filter(|end| **end < 0.0625).count();
        assert!(lower.abs_diff(10_000) < 283, "{lower}");
    }
}
