-- Texts for which clean_text does not return the expected result.
with examples (original, expected) as (
    values
    ('Côte d&#x27;Ivoire', 'Côte d''Ivoire'),
    ('Loew&#39;s Inc.', 'Loew''s Inc.'),
    ('Tom &amp; Jerry', 'Tom & Jerry'),
    ('&lt;b&gt; &quot;x&quot; &apos;y&apos;', '<b> "x" ''y'''),
    ('a&nbsp;b', 'a b'),
    ('caf&#233; &#X1F600;', 'café 😀'),
    ('&amp;lt;', '&lt;'),
    ('Q&A; AT&T &bogus; &', 'Q&A; AT&T &bogus; &'),
    ('&#0; &#55296; &#9999999; &#xFFFFFF;', '&#0; &#55296; &#9999999; &#xFFFFFF;'),
    (E'  two \t spaces\n', 'two spaces'),
    (E'no\u00a0break', 'no break'),
    (E'\x1b[31mred\x1b[0m', '[31mred[0m'),
    ('&#27;]0;title&#7;', ']0;title'),
    (E'right\u202eot-left', 'rightot-left'),
    (E'\u2067isolated\u2069 \u200fmark\u200e', 'isolated mark'),
    (E'C1\u009b31m, NEL\u0085line\u2028separator', 'C131m, NEL line separator'),
    (E'a \x07 b', 'a b'),
    (E'tab\tand\nnewline', 'tab and newline'),
    (E'می\u200cخواهم 👩\u200d🚀', E'می\u200cخواهم 👩\u200d🚀'),
    (E'N/A\u200e', null),
    (E'\x1b', null),
    ('N/A', null),
    (' N/A ', null),
    ('', null),
    ('   ', null),
    ('宮崎 駿', '宮崎 駿')
),

results as (
    select
        original,
        expected,
        {{ clean_text('original') }} as result
    from examples
)

select * from results
where result is distinct from expected
