//! Priors over whole numbers.

/// A prior over whole numbers `low .. low + weights.len()` or `low .. high`.
#[derive(Debug, Clone, PartialEq)]
pub enum Discrete {
    /// Each of `low .. high` is equally likely (`choice`, `randint`).
    Range {
        /// Smallest value.
        low: i64,
        /// One past the largest value.
        high: i64,
    },
    /// Value `i` has probability `p[i]` (`pchoice`).
    Weighted {
        /// Probabilities; they sum to one.
        p: Vec<f64>,
    },
}

impl Discrete {
    /// Number of categories, those of probability zero among them.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Range { low, high } => high.abs_diff(*low),
            Self::Weighted { p } => p.len() as u64,
        }
    }

    /// Smallest value.
    #[must_use]
    pub fn low(&self) -> i64 {
        match self {
            Self::Range { low, .. } => *low,
            Self::Weighted { .. } => 0,
        }
    }

    /// The pseudo-count the prior adds to `category`: `prior_weight` for each of a range, and
    /// `n * prior_weight * p` where the probabilities differ.
    #[must_use]
    pub fn pseudo_count(&self, category: usize, prior_weight: f64) -> f64 {
        match self {
            Self::Range { .. } => prior_weight,
            Self::Weighted { p } => p.len() as f64 * (prior_weight * p[category]),
        }
    }

    /// Number of categories that can be drawn: those with a probability above zero.
    pub(crate) fn possible(&self) -> u64 {
        match self {
            Self::Range { .. } => self.size(),
            Self::Weighted { p } => p.iter().filter(|p| **p > 0.0).count() as u64,
        }
    }

    /// The category at a position among those that can be drawn.
    pub(crate) fn nth_possible(&self, position: u64) -> u64 {
        let Self::Weighted { p } = self else {
            return position;
        };
        let mut possible = (0..).zip(p).filter(|(_, p)| **p > 0.0).map(|(c, _)| c);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "there are as many in memory"
        )]
        possible.nth(position as usize).unwrap_or(0)
    }

    /// The value of a category.
    pub(crate) fn value_of(&self, category: u64) -> f64 {
        // Both are below 2^53 (checked when the distribution was built).
        self.low() as f64 + category as f64
    }

    /// The category of a value, if it is one that can be drawn.
    pub(crate) fn category_of(&self, value: f64) -> Option<u64> {
        let offset = value - self.low() as f64;
        if offset >= 0.0 && offset < self.size() as f64 && offset.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let category = offset as u64;
            #[expect(clippy::cast_possible_truncation, reason = "it is in memory")]
            return match self {
                Self::Weighted { p } if p[category as usize] <= 0.0 => None,
                _ => Some(category),
            };
        }
        None
    }
}
