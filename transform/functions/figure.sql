declare
    value text;
begin
    execute query into value;
    return value;
exception
    when undefined_table or undefined_column or invalid_schema_name then return null;
end
