//! Which of very many kernels are summed.

/// The number of kernels above which the older half is thinned out.
pub(crate) const MAX_KERNELS: usize = 20_000;

/// Which kernels stand for all `n`, and for how many each: all of them up to [`MAX_KERNELS`], else
/// the newest half of that many and of the older ones every `m`-th.
pub(crate) fn thinned(n: usize) -> Vec<(usize, f64)> {
    if n <= MAX_KERNELS {
        return (0..n).map(|k| (k, 1.0)).collect();
    }
    let newest = MAX_KERNELS / 2;
    let older = n - newest;
    let stride = older.div_ceil(MAX_KERNELS - newest);
    // The middle of each run of `stride` stands for it; the last run may be shorter.
    let runs = (0..older).step_by(stride).map(|start| {
        let length = stride.min(older - start);
        (start + length / 2, length as f64)
    });
    runs.chain((older..n).map(|k| (k, 1.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_total_and_the_newest() {
        for n in [
            MAX_KERNELS,
            MAX_KERNELS + 1,
            3 * MAX_KERNELS + 17,
            1_000_000,
        ] {
            let kept = thinned(n);
            assert!(kept.len() <= MAX_KERNELS, "{n}: {}", kept.len());
            assert_eq!(kept.iter().map(|k| k.1).sum::<f64>(), n as f64);
            assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
            assert_eq!(kept[kept.len() - 1], (n - 1, 1.0));
        }
    }
}
