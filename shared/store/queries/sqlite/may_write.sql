-- Changes no row: whoever may not write is refused nevertheless.
update bars set object_count = object_count where 1 = 0
