// Half an iteration: every row takes a few steps of conjugate gradients from where it stands.
//
// In the eigenbasis row u solves (Λ + Zᵀ W Z) q = Zᵀ (1 + w), Λ = D + λ_u I diagonal, over its own items alone (Hu,
// Koren and Volinsky 2008, section 4; the push to conjugate gradients: Takács, Pilászy and Tikk, "Applications of the
// Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", RecSys 2011).  Λ, free to invert, is the
// preconditioner (Saad, "Iterative Methods for Sparse Linear Systems", algorithm 9.1): what is left to the steps is of
// the rank of the row's items.  A step costs one product and one sum over the items; the last step needs no sum,
// since nothing asks for the residual behind it.
//
// Rows are gathered once and kept expanded in cache for the steps.  Rows too long for that would be gathered anew for
// every step, from memory; they go together instead, a group to a thread, in sweeps over the fixed side (the blocking
// of sparse products for caches: Nishtala, Vuduc, Demmel and Yelick, 2007): a part of the side that fits the second
// cache serves all rows of the group before the next part is touched.
#include "training_rows.h"
#include "training_threads.h"

namespace tacit::TACIT_ISA {

// What the recurrence of one row needs beside its vectors.
struct State {
    float rho;  // r·(r / Λ)
    bool live;  // whether another step can help
};

// From the residual's sum to the first direction.
static TACIT_INLINE State begin(const Vectors& at, int64_t wide) {
    const float rho = direct(at, wide);
    clear(at.p, wide);
    turn(at, 0.0f, wide);
    return {rho, rho > 0.0f};
}

// Along p, whose bend (p·A p) is known; and on to the next direction, unless this step was the last.
static TACIT_INLINE void advance(State& state, const Vectors& at, float bend, float relaxation, bool last, int64_t wide) {
    state.live = bend > 0.0f;
    if (!state.live) return;
    const float length = state.rho / bend;
    // Nothing else reads q: taking all steps ω times as long moves the row ω times as far.
    move(at.q, relaxation * length, at.p, wide);
    if (last) return;
    move(at.r, -length, at.sum, wide);
    const float next = direct(at, wide);
    turn(at, next / state.rho, wide);
    state = {next, next > 0.0f};
}

// Moves at.q; the result is the row's share of the objective at the start.
template <class Items>
static TACIT_INLINE double step_row(RowItems<Items> row, const Vectors& at, const Gathered& side, float ridge, int steps,
                                    float relaxation) {
    const int64_t wide = row.wide;
    clear(at.r, wide);
    double loss = row.template run<Pass::residual>(at.q, at.r);
    loss += static_cast<double>(start_row(at, side.spectrum, ridge, wide));
    if (row.count == 0) {
        clear(at.q, wide);
        return loss;
    }
    State state = begin(at, wide);
    for (int step = 1; step < steps && state.live; ++step) {
        float bend = weigh(at, wide);
        bend += static_cast<float>(row.template run<Pass::step>(at.p, at.sum));
        advance(state, at, bend, relaxation, false, wide);
    }
    if (state.live && steps > 0) {
        float bend = weigh(at, wide);
        bend += static_cast<float>(row.template run<Pass::last>(at.p, at.sum));
        advance(state, at, bend, relaxation, true, wide);
    }
    return loss;
}

// A group of long rows on its way through the fixed side.
template <int length, class Items>
struct Sweep {
    const Items& source;
    const Gathered& side;
    const Rows& matrix;
    const int64_t* rows;
    int64_t count, padded_k;
    Vectors shared;  // the scratch that one block of items needs, and the vectors of all rows
    State states[sweep_width];
    double totals[sweep_width];
    int64_t next[sweep_width];

    int64_t wide() const { return length ? length : padded_k; }

    Vectors vectors(int64_t i) const {
        const int64_t wide = this->wide();
        Vectors at = shared;
        float* own = shared.sweep + i * 5 * wide;
        at.q = own, at.p = own + wide, at.r = own + 2 * wide, at.diagonal = own + 3 * wide, at.sum = own + 4 * wide;
        return at;
    }

    // totals and sums of one pass, of every row that is live.
    template <Pass pass>
    void run() {
        const int64_t wide = this->wide();
        const int64_t part = sweep_rows(wide), block = item_block(wide);
        for (int64_t i = 0; i < count; ++i) totals[i] = 0.0, next[i] = matrix.indptr[rows[i]];
        for (int64_t limit = part; limit < side.rows + part; limit += part) {
            int64_t fetched = limit;
            for (int64_t i = 0; i < count; ++i) {
                // The next part comes into the second cache while this one is in use.
                const int64_t wanted = smaller_of(side.rows, limit + part * (i + 1) / count);
                for (; fetched < wanted; ++fetched) source.expect(static_cast<int32_t>(fetched));
                if (states[i].live) visit<pass>(i, limit, block);
            }
        }
    }

    // What row i has before `limit` and was not visited yet.
    template <Pass pass>
    TACIT_INLINE void visit(int64_t i, int64_t limit, int64_t block) {
        const Vectors at = vectors(i);
        const int64_t end = matrix.indptr[rows[i] + 1];
        int64_t to = next[i];
        while (to + 16 <= end && matrix.indices[to + 15] < limit) to += 16;
        while (to < end && matrix.indices[to] < limit) ++to;
        Fetcher<Items> nothing{source, matrix.indices, 0, 0};
        for (int64_t j = next[i]; j < to; j += block)
            totals[i] += gathered_block<pass>(source, matrix.indices + j, matrix.data + j, smaller_of(block, to - j), nothing,
                                              pass == Pass::residual ? at.q : at.p, wide(), at.items, at.products, at.factors,
                                              pass == Pass::residual ? at.r : at.sum);
        next[i] = to;
    }

    void solve(float* solved, const Work& work, int steps, float relaxation, double* losses) {
        const int64_t k = side.k, wide = this->wide();
        for (int64_t i = 0; i < count; ++i) {
            const Vectors at = vectors(i);
            widen(solved + rows[i] * k, k, at.q, wide, 1.0f / side.scale);
            clear(at.r, wide);
            states[i].live = true;
        }
        run<Pass::residual>();
        for (int64_t i = 0; i < count; ++i) {
            const Vectors at = vectors(i);
            losses[rows[i] - work.first] =
                totals[i] + static_cast<double>(start_row(at, side.spectrum, matrix.ridge[rows[i]], wide));
            states[i] = begin(at, wide);
        }
        for (int step = 1; step <= steps; ++step) {
            float bends[sweep_width];
            for (int64_t i = 0; i < count; ++i) bends[i] = weigh(vectors(i), wide);
            if (step < steps)
                run<Pass::step>();
            else
                run<Pass::last>();
            for (int64_t i = 0; i < count; ++i)
                if (states[i].live)
                    advance(states[i], vectors(i), bends[i] + static_cast<float>(totals[i]), relaxation, step == steps, wide);
        }
        for (int64_t i = 0; i < count; ++i) narrow(vectors(i).q, solved + rows[i] * k, k, side.scale);
    }
};

// `length` is the padded k where it is known when this is compiled, else 0: the usual ones, where it is worth the code.
template <int length, class Items>
static void step_all(const Items& source, float* solved, const Gathered& side, const Rows& matrix, const float* panels,
                     const Work& work, int steps, float relaxation, double* losses, float* scratch, int threads) {
    const int64_t k = side.k, wide = length ? length : padded(k);
#pragma omp parallel num_threads(threads)
    {
        float *before = scratch + this_thread() * row_scratch(k), *after = before + block_rows * wide;
        Vectors at = vectors_in(before, wide);
        Fetcher<Items> fetcher{source, matrix.indices, 0, 0};
#pragma omp for schedule(dynamic, 1)
        for (int64_t b = 0; b < work.count; ++b) {
            const int64_t from = work.blocks[b] * block_rows, rows = smaller_of(block_rows, work.last - from);
            fetcher.at = 0;
            // The scaled side goes with factors scaled the other way: q' = q / scale leaves products as they are.
            load_block(solved + from * k, rows, k, 1.0f / side.scale, before);
            rotate_block(before, panels, after, rows, wide);
            for (int64_t r = 0; r < rows; ++r) {
                at.q = after + r * wide;
                RowItems<Items> row = row_items(source, matrix, from + r, wide, fetcher, at);
                if (!is_long(row.count, side.rows, wide))
                    losses[from + r - work.first] = step_row(row, at, side, matrix.ridge[from + r], steps, relaxation);
                narrow(at.q, solved + (from + r) * k, k, side.scale);
            }
        }
#pragma omp for schedule(dynamic, 1)
        for (int64_t g = 0; g < work.group_count; ++g) {
            Sweep<length, Items> sweep{source, side, matrix, work.long_rows + work.groups[g], work.groups[g + 1] - work.groups[g],
                               wide, at, {}, {}, {}};
            sweep.solve(solved, work, steps, relaxation, losses);
        }
    }
}

void step_rows(float* solved, const Gathered& side, const Rows& matrix, const float* basis, float* panels, const Work& work,
               int steps, float relaxation, double* losses, float* scratch, int threads) {
    const int64_t wide = padded(side.k);
    pack(basis, side.k, panels);
    if (!side.half)
        step_all<0>(SingleItems{side.single, side.k, side.scale}, solved, side, matrix, panels, work, steps, relaxation,
                    losses, scratch, threads);
#if defined(__AVX2__)
    else if (wide == 64)
        step_all<64>(HalfItems{side.half, 64}, solved, side, matrix, panels, work, steps, relaxation, losses, scratch, threads);
    else if (wide == 128)
        step_all<128>(HalfItems{side.half, 128}, solved, side, matrix, panels, work, steps, relaxation, losses, scratch, threads);
#endif
    else
        step_all<0>(HalfItems{side.half, wide}, solved, side, matrix, panels, work, steps, relaxation, losses, scratch, threads);
}

}  // namespace tacit::TACIT_ISA
