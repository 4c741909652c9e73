"""Closed forms for the fall of voltage along the lines of a passive array, as others have them.

They are peers to compare with, and approximate. Each makes one effective conductance matrix W
[row, column] for the array, whatever the inputs; the currents [vector, column] are ``volts @ W``.
Rows are driven at column 0, columns are read at 0 V at the last row. Of m rows and n columns, G is
the conductance of the cells [row, column], S; rows, columns and sums count from 0.

The full texts of the papers named below were not at hand. The equations were read from the programs
of a comparison, github.com/alambertini01/Crossbar_Models_Comparison; what the abstracts of the
papers say agrees with them. There one resistance r stands for every segment of a line, the one at
its terminal too. Our own addition is that rows may differ from columns, and the segment at the
driver (`end_row`) or at the read-out (`end_column`) from the others; with all four equal to r each
formula is the one of the source, unless its docstring says otherwise. Arguments of all functions:

    conductance: of the cells, S [row, column].
    wire_row, wire_column: between neighbouring cells of a row, of a column, Ω.
    end_row, end_column: from the driver to the first cell of a row, from the last cell of a column
        to the read-out, Ω.

Cost: W is made once for an array, in the operations that each docstring counts (a multiplication
and an addition are two). After that every model costs the m n multiplications and m n additions of
the ideal product for each vector.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ideal(conductance: Floats, *_wires: float) -> Floats:
    """No resistance in the lines: W = G. No operations to make it."""
    return np.array(conductance, dtype=np.float64)


def jeong(
    conductance: Floats,
    wire_row: float,
    wire_column: float,
    end_row: float,
    end_column: float,
    exponent: float = 0.2,
) -> Floats:
    """The scaling factor of each column by Y. Jeong, M. A. Zidan, W. D. Lu.

    IEEE Trans. Nanotechnology 17, 184 (2018), doi 10.1109/TNANO.2017.2784364. If all cells carry
    one current, they see their lines as series resistances:

        W_ij = G_ij R / (R + A_j + B)
        A_j = r Σ_{q=0..j} (n − q)      row, from the driver to column j
        B = r m (m + 1) / 2             column, from its far end to the read-out
        R = (R_1^{1−k} + R_2^{1−k}) / (R_1^{−k} + R_2^{−k})

    with R_1, R_2 the lowest and the highest resistance of a cell. From the paper's abstract: the
    scaling factor, from few known parameters. From the comparison: the formulas, and that k is
    fitted, not derived; it has 0.2, 0.9, 0.95 and a rule by the share of high cells. We take 0.2,
    the one of these that served our arrays best; and where the comparison is told R_1 and R_2, we
    take the extremes of G, all of which must be above 0.

    Cost: m n to scale, 2 m n to find the extremes, some 5 n more.
    """
    g = np.asarray(conductance, dtype=np.float64)
    extremes = np.array([g.min(), g.max()])
    mean = (extremes ** (exponent - 1)).sum() / (extremes**exponent).sum()
    row, column = _series(g.shape, wire_row, wire_column, end_row, end_column)
    return g * (mean / (mean + row + column[0]))


def jeong_cells(
    conductance: Floats, wire_row: float, wire_column: float, end_row: float, end_column: float
) -> Floats:
    """`jeong` with each cell's own resistance and place in place of the mean; no fitted number.

        W_ij = 1 / (1/G_ij + A_j + B_i)
        B_i = r Σ_{q=i..m−1} (q + 1)    column, from row i to the read-out

    This form is in the comparison, which gives the paper's authors for it. It has
    B_i = r (m − i) (m − i + 1) / 2 there, the sum of the same terms from the other end, which gives
    the cell next to the read-out one cell's fall of voltage over a segment that carries the current
    of all m. The sum above is our reading: it follows from one current in all cells, as A_j does.

    Cost: 4 m n, and some 3 (m + n) more.
    """
    g = np.asarray(conductance, dtype=np.float64)
    row, column = _series(g.shape, wire_row, wire_column, end_row, end_column)
    return g / (1 + g * (row + column[:, None]))


def dmr(
    conductance: Floats, wire_row: float, wire_column: float, end_row: float, end_column: float
) -> Floats:
    """Diagonal matrix regression, of Y. Liao, B. Gao, P. Yao, W. Zhang, J. Tang, H. Wu, H. Qian.

    IEEE Trans. Computer-Aided Design 40 (8), August 2021. A factor for each row, and one for each
    column: W = diag(a) G diag(b) with

        a_i = (1 + r Σ_{k<i} (i − k) c_k) / (1 + r Σ_k (m − k) c_k)    c_k = Σ_j G_kj / n
        b_j = (1 + r Σ_{k>j} (k − j) d_k) / (1 + r Σ_k (k + 1) d_k)    d_k = Σ_i G_ik / m

    so c is the mean column of the array and d its mean row. From the paper's abstract: the two
    diagonal matrices, calculated from the resistances with no number to choose, in
    O(m² + n²) operations. From the comparison: the formulas. Running sums make it O(m + n) here.
    For one cell with resistance at both ends the product of the factors is exact to first order.

    Cost: 2 m n for the means, 2 m n to scale, some 6 (m + n) more.
    """
    g = np.asarray(conductance, dtype=np.float64)
    a = _share(g.mean(axis=1), wire_column, end_column)
    b = _share(g.mean(axis=0)[::-1], wire_row, end_row)[::-1]
    return a[:, None] * g * b


def alpha_beta(
    conductance: Floats, wire_row: float, wire_column: float, end_row: float, end_column: float
) -> Floats:
    """The αβ matrices: as `dmr`, each line with the conductances of its own cells.

        W_ij = α_ij G_ij β_ij
        α_ij = (1 + r Σ_{k<i} (i − k) G_kj) / (1 + r Σ_k (m − k) G_kj)
        β_ij = (1 + r Σ_{k>j} (k − j) G_ik) / (1 + r Σ_k (k + 1) G_ik)

    From the comparison, which names no paper for it. It has currents I = G V in place of some of
    the G, with one V for all rows, which drops out: all inputs count as being on. It is the model
    called γ there with that one's three factors γ left out. A γ-compact model is of T. Cao et al.,
    IEEE J. Emerging Sel. Topics Circuits Syst. (2022), doi 10.1109/JETCAS.2022.3172170; that the αβ
    matrices are of the same authors is our guess.

    Cost: 14 m n: for α and for β two running sums, a difference, a multiplication, an addition and
    a division, then 2 m n to scale.
    """
    g = np.asarray(conductance, dtype=np.float64)
    alpha = _share(g, wire_column, end_column)
    beta = _share(g.T[::-1], wire_row, end_row)[::-1].T
    return alpha * g * beta


def _series(
    shape: tuple[int, ...], wire_row: float, wire_column: float, end_row: float, end_column: float
) -> tuple[Floats, Floats]:
    """A_j [column] and B_i [row], Ω: fall of voltage along a line over the current of one cell."""
    rows, columns = shape
    row = np.cumsum(np.arange(columns, 0, -1) * np.r_[end_row, np.full(columns - 1, wire_row)])
    column = np.arange(1, rows + 1) * np.r_[np.full(rows - 1, wire_column), end_column]
    return row, np.cumsum(column[::-1])[::-1]


def _share(conductance: Floats, wire: float, end: float) -> Floats:
    """Voltage left for each cell of lines along the first axis, over that at the terminal.

    The cells are in order from the far end to the terminal. All cells of a line are taken to carry
    the current that they would at the voltage of the far end.
    """
    passing = np.cumsum(conductance, axis=0)  # of the cells so far: what the next segment carries
    volts = 1 + wire * (np.cumsum(passing, axis=0) - passing)
    return volts / (volts[-1] + end * passing[-1])
