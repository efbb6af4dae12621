import pytest

from spanwarden.effects.shell.density import MAX_OPERATORS, too_dense


@pytest.mark.parametrize("operator", ["|", "<", "(", "[", "{"])
def test_a_row_of_operators_is_too_dense(operator):
    assert too_dense(operator * (MAX_OPERATORS + 1))
    assert not too_dense(operator * MAX_OPERATORS)


@pytest.mark.parametrize(
    "text",
    [
        "echo '" + "|" * 1000 + "'",
        'echo "' + "(" * 1000 + '"',
        "cat > README.md <<'EOF'\n" + "| a | b |\n" * 1000 + "EOF\nls",
        "python3 - <<EOF\n" + "f(x)\n" * 1000 + "EOF",
    ],
)
def test_quoted_operators_do_not_count(text):
    assert not too_dense(text)


def test_operators_after_a_here_document_count():
    assert too_dense("cat <<EOF\nx\nEOF\n" + "a|" * 500)
