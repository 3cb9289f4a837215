"""What a month of this design costs: one dated price book, measured amounts, and the sizes that are deployed."""
