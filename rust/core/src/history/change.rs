//! What happened to a trial, as samplers are told.

/// One change of a history. A row that is replaced is a removal and an addition.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<'a> {
    /// A trial was added.
    Added {
        /// Its id.
        tid: i64,
        /// Its loss; infinite where there is none.
        loss: f64,
        /// Its values, NaN where inactive.
        row: &'a [f64],
    },
    /// The outcome of a trial has changed, its row has not.
    Told {
        /// Its id.
        tid: i64,
        /// The loss before.
        before: f64,
        /// The loss now.
        after: f64,
    },
    /// A trial was removed.
    Removed {
        /// Its id.
        tid: i64,
        /// The loss that it had.
        loss: f64,
        /// The values that it had.
        row: Vec<f64>,
    },
}

/// Up to two changes, in their order.
pub type Changes<'a> = [Option<Change<'a>>; 2];
