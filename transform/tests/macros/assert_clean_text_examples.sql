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
