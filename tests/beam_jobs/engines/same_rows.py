"""Whether two runs have written the same table."""

import numpy as np

from beam_jobs import storage


def assert_same_rows(folder, expected, table):
    found, wanted = (storage.read_table(str(one), table) for one in (folder, expected))
    assert found.num_rows == wanted.num_rows
    for name in wanted.column_names:
        if str(wanted.schema.field(name).type) in ("float", "double"):
            # Summed in another order, a mean or a deviation may differ in the last bits.
            np.testing.assert_allclose(found[name].to_numpy(), wanted[name].to_numpy(), 1e-4, 1e-5, err_msg=name)
        else:
            assert found[name].equals(wanted[name]), name
