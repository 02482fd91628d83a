"""Takes complaints recorded elsewhere, with their answers, from a workbook or a CSV file.

Theory of operation. `reading` turns the file into sheets of raw cells and refuses whole what is no such file;
`columns` says which column holds what; `rows` turns each row into a complaint that may be sent, or a refusal
that names field and reason; `sending` hands complaints to intake and answers to dispatch, both idempotent by
source and external id, so that an import that was interrupted is finished by running it again;
`errors_workbook` gives the refused rows back.
"""
