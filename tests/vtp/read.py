"""Reads manifold-*.vtp of a folder with VTK itself (pip install vtk) and prints what is there; fails on what it cannot read."""

import pathlib
import sys

from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.vtp")):
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    data = reader.GetOutput()
    arrays = data.GetPointData()
    names = [arrays.GetArrayName(i) for i in range(arrays.GetNumberOfArrays())]
    assert reader.GetErrorCode() == 0 and data.GetNumberOfPoints() > 0, path
    assert data.GetNumberOfLines() + data.GetNumberOfPolys() > 0, path
    for i in range(data.GetNumberOfCells()):
        cell = data.GetCell(i)
        assert all(0 <= cell.GetPointId(k) < data.GetNumberOfPoints() for k in range(cell.GetNumberOfPoints())), path
    print(path.name, data.GetNumberOfPoints(), "points", data.GetNumberOfLines(), "lines", data.GetNumberOfPolys(),
          "triangles", names, [round(v, 6) for v in data.GetBounds()])
